package objecttest

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync/atomic"
	"syscall"
	"time"

	"vbfs/index/object"
)

// An Act is what a Fault does to an operation. The zero Act lets it pass.
type Act struct {
	// Delay is waited first.
	Delay time.Duration
	// Before is returned instead of doing anything.
	Before error
	// After is returned although everything was done: the caller cannot know.
	After error
	// Cut ends a Get or Write after Keep bytes, a List after Keep objects. Unless After says otherwise a Get is then
	// io.ErrUnexpectedEOF and a Write io.ErrShortWrite; a List ends as if it were whole, as no good store does.
	Cut  bool
	Keep int64
}

// A Hook decides what happens to each operation. It is called by several goroutines at once.
type Hook func(Op) Act

// Full returns the hook of a store that has room for so many bytes.
func Full(room int64) Hook {
	var written atomic.Int64
	return func(op Op) Act {
		if op.Verb != Write {
			return Act{}
		}
		if over := written.Add(op.Len) - room; over > 0 {
			return Act{Cut: true, Keep: max(0, op.Len-over), After: syscall.ENOSPC}
		}
		return Act{}
	}
}

// Fault is a Store that fails as its hook says.
type Fault struct {
	store object.Store
	hook  Hook
}

// NewFault wraps s.
func NewFault(s object.Store, hook Hook) *Fault { return &Fault{s, hook} }

// act asks the hook and waits; an error ends the operation before it has begun.
func (f *Fault) act(ctx context.Context, op Op) (Act, error) {
	a := f.hook(op)
	if a.Delay > 0 {
		t := time.NewTimer(a.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return a, ctx.Err()
		}
	}
	return a, wrap(op, a.Before)
}

func wrap(op Op, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", op.Verb, op.Name, err)
}

// PutIfAbsent implements object.Store.
func (f *Fault) PutIfAbsent(ctx context.Context, name string) (object.Upload, error) {
	op := Op{Verb: Put, Name: name}
	a, err := f.act(ctx, op)
	if err != nil {
		return nil, err
	}
	u, err := f.store.PutIfAbsent(ctx, name)
	if err == nil && a.After != nil {
		u.Abort()
		return nil, wrap(op, a.After)
	}
	return &faultUpload{fault: f, name: name, u: u}, err
}

// Get implements object.Store.
func (f *Fault) Get(ctx context.Context, name string, p []byte, off int64) error {
	op := Op{Verb: Get, Name: name, Off: off, Len: int64(len(p))}
	a, err := f.act(ctx, op)
	if err != nil {
		return err
	}
	if a.Cut && a.Keep < op.Len {
		p = p[:a.Keep]
		if a.After == nil {
			a.After = io.ErrUnexpectedEOF
		}
	}
	if err := f.store.Get(ctx, name, p, off); err != nil {
		return err
	}
	return wrap(op, a.After)
}

// List implements object.Store.
func (f *Fault) List(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	return func(yield func(object.Info, error) bool) {
		op := Op{Verb: List, Name: prefix}
		a, err := f.act(ctx, op)
		if err != nil {
			yield(object.Info{}, err)
			return
		}
		kept := int64(0)
		for info, err := range f.store.List(ctx, prefix) {
			if a.Cut && kept == a.Keep {
				break
			}
			kept++
			if !yield(info, err) || err != nil {
				return
			}
		}
		if a.After != nil {
			yield(object.Info{}, wrap(op, a.After))
		}
	}
}

// Delete implements object.Store.
func (f *Fault) Delete(ctx context.Context, name string) error {
	op := Op{Verb: Delete, Name: name}
	a, err := f.act(ctx, op)
	if err != nil {
		return err
	}
	if err := f.store.Delete(ctx, name); err != nil {
		return err
	}
	return wrap(op, a.After)
}

// Stat implements object.Store.
func (f *Fault) Stat(ctx context.Context, name string) (object.Info, error) {
	op := Op{Verb: Stat, Name: name}
	a, err := f.act(ctx, op)
	if err != nil {
		return object.Info{}, err
	}
	info, err := f.store.Stat(ctx, name)
	if err == nil && a.After != nil {
		return object.Info{}, wrap(op, a.After)
	}
	return info, err
}
