package main

import "slices"

// A load is what a machine puts load on while it is captured.
type load struct {
	host   string   // "" is none that is known
	stores []string // datastores, each once
}

// limits say how many machines may be at work at once: in all, of one host, and of one datastore. 0 is: as many as there are.
type limits struct{ machines, host, store int }

// A schedule says which machine may begin. It begins them in their order, but passes over one whose host or datastore is busy: then a later
// one may begin, if that does not take from the first of those that wait what it waits for. So none waits longer than those take that are
// at work when it is the first to wait. It belongs to one goroutine.
type schedule struct {
	limits limits
	loads  []load
	begun  []bool
	first  int // all before it have begun
	busy   int
	hosts  map[string]int // at work
	stores map[string]int
}

func newSchedule(l limits, loads []load) *schedule {
	return &schedule{limits: l, loads: loads, begun: make([]bool, len(loads)), hosts: map[string]int{}, stores: map[string]int{}}
}

// next gives a machine that may begin now, which then has begun. !ok is that one has to end first, or that all have begun.
func (s *schedule) next() (i int, ok bool) {
	for s.first < len(s.loads) && s.begun[s.first] {
		s.first++
	}
	if s.first == len(s.loads) || !under(s.busy, s.limits.machines) {
		return 0, false
	}
	if s.fits(s.loads[s.first]) {
		return s.begin(s.first), true
	}
	waits := s.loads[s.first]
	s.count(waits, 1) // as if it had begun
	defer s.count(waits, -1)
	for i := s.first + 1; i < len(s.loads); i++ {
		if !s.begun[i] && s.fits(s.loads[i]) {
			return s.begin(i), true
		}
	}
	return 0, false
}

// end says that a machine is done.
func (s *schedule) end(i int) {
	s.busy--
	s.count(s.loads[i], -1)
}

func (s *schedule) begin(i int) int {
	s.begun[i] = true
	s.busy++
	s.count(s.loads[i], 1)
	return i
}

func (s *schedule) count(l load, n int) {
	s.hosts[l.host] += n
	for _, name := range l.stores {
		s.stores[name] += n
	}
}

func (s *schedule) fits(l load) bool {
	busy := func(name string) bool { return !under(s.stores[name], s.limits.store) }
	return (l.host == "" || under(s.hosts[l.host], s.limits.host)) && !slices.ContainsFunc(l.stores, busy)
}

// under tells whether one more is allowed.
func under(n, limit int) bool { return limit == 0 || n < limit }

// run does the work of all machines, and returns when all that was begun has ended. Once stopped says so, none begins.
func (s *schedule) run(stopped func() bool, work func(i int)) {
	ended := make(chan int)
	for {
		for !stopped() {
			i, ok := s.next()
			if !ok {
				break
			}
			go func() {
				defer func() { ended <- i }()
				work(i)
			}()
		}
		if s.busy == 0 {
			return
		}
		s.end(<-ended)
	}
}
