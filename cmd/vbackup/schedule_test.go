package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// A shift is a schedule at work: machines take as many rounds as their duration says.
type shift struct {
	*schedule
	t     *testing.T
	takes []int
	left  map[int]int // rounds, of those at work
	order []int       // in which they began
}

// round begins what may begin, looks at the limits, and lets time pass.
func (s *shift) round() (more bool) {
	s.t.Helper()
	for {
		i, ok := s.next()
		if !ok {
			break
		}
		s.left[i] = s.takes[i]
		s.order = append(s.order, i)
		s.look()
	}
	for i := range s.left {
		if s.left[i]--; s.left[i] == 0 {
			delete(s.left, i)
			s.end(i)
		}
	}
	return len(s.left) > 0 || len(s.order) < len(s.loads)
}

// look counts by itself what is at work.
func (s *shift) look() {
	s.t.Helper()
	hosts, stores := map[string]int{}, map[string]int{}
	for i := range s.left {
		if s.loads[i].host != "" {
			hosts[s.loads[i].host]++
		}
		for _, name := range s.loads[i].stores {
			stores[name]++
		}
	}
	over := func(n, limit int) bool { return limit > 0 && n > limit }
	if over(len(s.left), s.limits.machines) {
		s.t.Fatalf("%d machines at once", len(s.left))
	}
	for host, n := range hosts {
		if over(n, s.limits.host) {
			s.t.Fatalf("%d at once on %s", n, host)
		}
	}
	for name, n := range stores {
		if over(n, s.limits.store) {
			s.t.Fatalf("%d at once on %s", n, name)
		}
	}
}

// work runs all, and gives the order in which they began, and how many rounds it took.
func work(t *testing.T, l limits, loads []load, takes []int) (order []int, rounds int) {
	t.Helper()
	s := &shift{newSchedule(l, loads), t, takes, map[int]int{}, nil}
	total := 1
	for _, n := range takes {
		total += n
	}
	for s.round() {
		if rounds++; rounds > total {
			t.Fatalf("it comes to no end: %v of %d have begun", s.order, len(loads))
		}
	}
	if got := slices.Sorted(slices.Values(s.order)); len(slices.Compact(got)) != len(loads) {
		t.Fatalf("not all have begun once: %v", s.order)
	}
	return s.order, rounds + 1
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	on := func(host string, stores ...string) load { return load{host, stores} }
	for name, c := range map[string]struct {
		limits limits
		loads  []load
		takes  []int
		order  []int
		rounds int
	}{
		"none":                   {limits{4, 4, 2}, nil, nil, nil, 1},
		"one after the other":    {limits{1, 0, 0}, []load{on(""), on(""), on("")}, []int{1, 1, 1}, []int{0, 1, 2}, 3},
		"all at once":            {limits{}, []load{on("h", "a"), on("h", "a"), on("h", "a")}, []int{1, 1, 1}, []int{0, 1, 2}, 1},
		"two of a host":          {limits{0, 2, 0}, []load{on("h"), on("h"), on("h"), on("i")}, []int{1, 1, 1, 1}, []int{0, 1, 3, 2}, 2},
		"two of a datastore":     {limits{4, 4, 2}, []load{on("h", "a"), on("h", "a"), on("h", "a"), on("h", "b")}, []int{2, 2, 1, 1}, []int{0, 1, 3, 2}, 3},
		"unknown hosts are free": {limits{0, 1, 0}, []load{on(""), on(""), on("h"), on("h")}, []int{1, 1, 1, 1}, []int{0, 1, 2, 3}, 2},
		// What the first one waits for is not taken by those behind it, though they would fit.
		"nobody starves": {
			limits{0, 0, 1}, []load{on("", "a"), on("", "a", "b"), on("", "b"), on("", "b"), on("", "c")}, []int{2, 1, 2, 2, 1}, []int{0, 4, 1, 2, 3}, 7},
		// But what it does not need is.
		"room beside who waits": {limits{0, 2, 1}, []load{on("h", "a"), on("h", "a"), on("h", "b"), on("i", "b")}, []int{3, 1, 1, 1}, []int{0, 3, 1, 2}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			order, rounds := work(t, c.limits, c.loads, c.takes)
			if !slices.Equal(order, c.order) || rounds != c.rounds {
				t.Errorf("%v in %d rounds, not %v in %d", order, rounds, c.order, c.rounds)
			}
		})
	}
}

// Whatever there is, no limit is exceeded, and all get their turn.
func TestScheduleRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := r.IntN(40)
		loads, takes := make([]load, n), make([]int, n)
		for i := range n {
			takes[i] = 1 + r.IntN(5)
			if h := r.IntN(4); h > 0 {
				loads[i].host = fmt.Sprint("host", h)
			}
			for _, s := range r.Perm(4)[:r.IntN(4)] {
				loads[i].stores = append(loads[i].stores, fmt.Sprint("store", s))
			}
		}
		l := limits{r.IntN(6), r.IntN(4), r.IntN(3)}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { work(t, l, loads, takes) })
	}
}
