package lru

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestBoundEvictsLeastRecentlyUsed(t *testing.T) {
	c := New[int, string](30)
	for i := range 3 {
		c.Add(i, "v", 10)
	}
	c.Get(0)
	c.Add(3, "v", 10)
	if _, ok := c.Get(1); ok {
		t.Error("1 was used longest ago and is still there")
	}
	for _, k := range []int{0, 2, 3} {
		if _, ok := c.Get(k); !ok {
			t.Errorf("%d is gone", k)
		}
	}
	if c.sum != 30 || c.use.Len() != 3 || len(c.m) != 3 {
		t.Errorf("sum %d, %d in use, %d keys", c.sum, c.use.Len(), len(c.m))
	}
}

func TestOneLoadForManyCallers(t *testing.T) {
	c := New[int, int](100)
	var loads atomic.Int64
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			v, err := c.GetOrLoad(7, func() (int, int64, error) { loads.Add(1); <-gate; return 49, 1, nil })
			if v != 49 || err != nil {
				t.Errorf("got %d, %v", v, err)
			}
		})
	}
	close(gate)
	wg.Wait()
	if n := loads.Load(); n != 1 {
		t.Errorf("%d loads", n)
	}
}

func TestErrorIsNotKept(t *testing.T) {
	c := New[int, int](100)
	boom := errors.New("boom")
	if _, err := c.GetOrLoad(1, func() (int, int64, error) { return 0, 0, boom }); err != boom {
		t.Fatal(err)
	}
	if v, err := c.GetOrLoad(1, func() (int, int64, error) { return 2, 1, nil }); v != 2 || err != nil {
		t.Errorf("got %d, %v after an error", v, err)
	}
}
