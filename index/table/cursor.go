package table

import (
	"bytes"
	"runtime/debug"
)

// A cursor walks a tree in key order. It shows copies, as mapped memory is touched under guard alone.
type cursor struct {
	t    tree
	path []place // from root to leaf; empty before the first key and after the last
	key  []byte
	val  []byte
	last []byte // key before this one
	done bool
	err  error
}

// A place is an element of a page.
type place struct {
	page
	i int
}

func (t tree) cursor() *cursor {
	return &cursor{t: t, path: make([]place, 0, maxDepth)}
}

// next moves to the next key and tells whether there is one. Keys ascend, so that a walk ends whatever the pages of a
// damaged tree point at.
func (c *cursor) next() bool {
	if !c.done {
		c.err = c.step()
		c.done = c.err != nil || len(c.path) == 0
	}
	return !c.done
}

func (c *cursor) step() (err error) {
	defer guard(&err, debug.SetPanicOnFault(true))
	if err := c.advance(); err != nil || len(c.path) == 0 {
		return err
	}
	at := c.path[len(c.path)-1]
	k, v := at.page.key(at.i), at.value(at.i)
	if len(k) == 0 || len(k) > keySize || len(v) > MaxSummary {
		return damaged("key of %d bytes, value of %d", len(k), len(v))
	}
	c.last, c.key, c.val = c.key, append(c.last[:0], k...), append(c.val[:0], v...)
	if bytes.Compare(c.last, c.key) >= 0 {
		return damaged("key %x after %x", c.key, c.last)
	}
	return nil
}

// advance moves path to the next element of a leaf.
func (c *cursor) advance() error {
	if c.key == nil {
		if c.t.root.n == 0 && c.t.root.leaf { // an empty bucket
			return nil
		}
		return c.descend(c.t.root)
	}
	for len(c.path) > 0 {
		top := &c.path[len(c.path)-1]
		top.i++
		if top.i == top.n {
			c.path = c.path[:len(c.path)-1]
			continue
		}
		if top.leaf {
			return nil
		}
		return c.child()
	}
	return nil
}

// child goes down from the branch element at the end of path.
func (c *cursor) child() error {
	top := c.path[len(c.path)-1]
	p, err := c.t.m.page(top.page.child(top.i))
	if err != nil {
		return err
	}
	return c.descend(p)
}

// descend goes to the first key below p.
func (c *cursor) descend(p page) error {
	if p.n == 0 || len(c.path) == maxDepth {
		return damaged("empty page, or more than %d levels", maxDepth)
	}
	c.path = append(c.path, place{page: p})
	if p.leaf {
		return nil
	}
	return c.child()
}
