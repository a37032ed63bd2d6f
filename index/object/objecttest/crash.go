package objecttest

import (
	"errors"
	"sync/atomic"
)

// ErrCrashed is what every operation on a Crash returns once it has crashed.
var ErrCrashed = errors.New("the storage has crashed")

// Crash is a Store in memory that dies at a given operation: this one and all later ones fail and change nothing. Each verb
// counts, and each write, commit and abort of an upload. To crash at every instant of some work, let it run with
// NewCrash(m, 0), and then with NewCrash(m, n) for each n in 1..Ops().
type Crash struct {
	*Fault
	memory *Memory
	ops    atomic.Int64
}

// NewCrash begins with what m holds and dies at operation n, counted from 1; with n = 0 it lives. m stays as it is.
func NewCrash(m *Memory, n int64) *Crash {
	c := &Crash{memory: m.Clone()}
	c.Fault = NewFault(c.memory, func(Op) Act {
		if ops := c.ops.Add(1); n > 0 && ops >= n {
			return Act{Before: ErrCrashed}
		}
		return Act{}
	})
	return c
}

// Ops is how many operations were asked for so far.
func (c *Crash) Ops() int64 { return c.ops.Load() }

// Survivor is the storage after a power cut: what was committed, and nothing of uploads that were under way.
func (c *Crash) Survivor() *Memory { return c.memory.Clone() }
