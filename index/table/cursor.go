package table

import "bytes"

// A cursor walks a tree of a segment in key order. It copies what it shows, as mapped memory is touched under guard
// alone.
type cursor struct {
	s     *segment
	t     tree
	size  [2]int // of each key; of each value at most
	stack [maxDepth]place
	depth int // of stack in use; 0 before the first and after the last key
	key   []byte
	val   []byte
	err   error
	begun bool
}

// A place is an element of a page.
type place struct {
	page
	i int
}

// next moves to the next key and tells whether there is one. Keys must ascend, so that a walk ends whatever a damaged
// branch points at.
func (c *cursor) next() (ok bool) {
	if c.err != nil {
		return false
	}
	defer c.s.guard(&c.err)()
	last := append([]byte(nil), c.key...)
	if c.err = c.step(); c.err != nil || c.depth == 0 {
		return false
	}
	if top := &c.stack[c.depth-1]; !c.copy(top.page.key(top.i), top.value(top.i)) || bytes.Compare(c.key, last) <= 0 {
		c.err = damaged("bad key %x", c.key)
	}
	return c.err == nil
}
