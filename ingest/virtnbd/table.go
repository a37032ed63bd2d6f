package virtnbd

import (
	"encoding/binary"
	"sort"
)

// A frame is a run of a disk's bytes in a stream: n bytes from off on, zero, or data that lies at pos of the file and
// takes stored bytes there: n, or what LZ4 has made of them.
type frame struct {
	off, n      int64
	zero        bool
	pos, stored int64
}

func (f *frame) end() int64 { return f.off + f.n }

// A table holds a stream's frames, ordered by offset without overlap, in some 8 bytes each: each frame says how far it is
// from the one before. Every markEvery-th is found without the others.
type table struct {
	marks []mark
	code  []byte
	count int
	last  frame // where the next one begins to count from
}

// A mark is what a frame counts from, and where in code it lies.
type mark struct {
	at       int
	off, pos int64
}

// markEvery trades 24 bytes of memory against decoding so many frames to find one.
const markEvery = 64

// add appends a frame, which lies behind all others on the disk and, if it is data, in the file.
func (t *table) add(f frame) {
	if t.count%markEvery == 0 {
		t.marks = append(t.marks, mark{len(t.code), t.last.end(), t.last.pos + t.last.stored})
	}
	t.count++
	c := binary.AppendUvarint(t.code, uint64(f.off-t.last.end()))
	if f.zero {
		c = binary.AppendUvarint(c, uint64(f.n)<<1|1)
		f.pos, f.stored = t.last.pos+t.last.stored, 0
	} else {
		c = binary.AppendUvarint(c, uint64(f.n)<<1)
		c = binary.AppendUvarint(c, uint64(f.pos-t.last.pos-t.last.stored))
		c = binary.AppendUvarint(c, uint64(f.stored))
	}
	t.code, t.last = c, f
}

// bytes is what the table takes of memory.
func (t *table) bytes() int { return cap(t.code) + 24*cap(t.marks) }

// A cursor walks a table.
type cursor struct {
	code []byte
	at   frame
}

// next gives the frame that follows, ok is false behind the last.
func (c *cursor) next() (f frame, ok bool) {
	if len(c.code) == 0 {
		return f, false
	}
	f.off = c.at.end() + int64(c.take())
	n := c.take()
	f.n, f.zero = int64(n>>1), n&1 == 1
	f.pos = c.at.pos + c.at.stored
	if !f.zero {
		f.pos += int64(c.take())
		f.stored = int64(c.take())
	}
	c.at = f
	return f, true
}

func (c *cursor) take() uint64 {
	v, n := binary.Uvarint(c.code)
	c.code = c.code[n:]
	return v
}

// all walks from the first frame on.
func (t *table) all() *cursor { return &cursor{code: t.code} }

// from walks from the first frame on that ends behind off.
func (t *table) from(off int64) *cursor {
	i := sort.Search(len(t.marks), func(i int) bool { return t.marks[i].off > off })
	if i > 0 {
		i--
	}
	if i == len(t.marks) {
		return &cursor{}
	}
	m := t.marks[i]
	c := &cursor{t.code[m.at:], frame{off: m.off, pos: m.pos}}
	for {
		before := *c
		f, ok := c.next()
		if !ok || f.end() > off {
			return &before
		}
	}
}
