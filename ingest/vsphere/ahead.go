package vsphere

import (
	"fmt"
	"slices"

	"vbfs/hyper/vsphere"
	"vbfs/index/format"
	"vbfs/ingest"
)

// leafBytes is what one worker of a capture reads in order, if it is all to be read.
const leafBytes = hintBlock << format.Log2Leaf

// window gives how much to ask for at once when n bytes at off are read: up to the end of what is to be read there anyway, and of what
// the same worker reads.
func (r *ranges) window(off, n int64) int64 {
	i, found := slices.BinarySearchFunc(r.wanted, off, func(e ingest.Extent, off int64) int { return int(min(1, max(-1, e.Off-off))) })
	if !found {
		i--
	}
	if i < 0 || r.wanted[i].Zero {
		return n
	}
	end := (r.wanted[i].Off + r.wanted[i].Len + hintBlock - 1) &^ (hintBlock - 1) // whole blocks are read
	return max(n, min(end, off-off%leafBytes+leafBytes, r.size)-off)
}

// read fills p.
func (r *ranges) read(p []byte, off int64) error {
	for len(p) > 0 {
		n, size, err := r.some(p, off)
		if err == nil && size != r.size {
			err = fmt.Errorf("%s had %d bytes and has %d now", r.file.Name(), r.size, size)
		}
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// some reads on in what was asked for before, or asks for more than p if the rest is read next. In any trouble p alone is asked for, as
// often as it takes.
func (r *ranges) some(p []byte, off int64) (n int, size int64, err error) {
	s := r.idle(off)
	if n := r.window(off, int64(len(p))); s == nil && n > int64(len(p)) {
		s = r.begin(off, n)
	}
	if s == nil {
		size, err = r.file.Read(r.life, p, off)
		return len(p), size, err
	}
	n = int(min(int64(len(p)), s.Left()))
	if s.Read(p[:n]) == nil {
		r.keep(s, off+int64(n))
		return n, r.size, nil
	}
	s.Close()
	size, err = r.file.Read(r.life, p, off)
	return len(p), size, err
}

// begin asks for n bytes at off, of a file that is as long as it was.
func (r *ranges) begin(off, n int64) *vsphere.Stream {
	s, size, err := r.file.Stream(r.life, off, n)
	if err != nil {
		return nil
	}
	if size != r.size {
		s.Close()
		return nil
	}
	return s
}

// idle gives the stream that goes on at an offset.
func (r *ranges) idle(off int64) *vsphere.Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[off]
	delete(r.streams, off)
	return s
}

// keep leaves a stream, with what is to come from an offset on, to whoever reads there.
func (r *ranges) keep(s *vsphere.Stream, off int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.Left() == 0 || r.streams[off] != nil || r.life.Err() != nil {
		s.Close()
		return
	}
	r.streams[off] = s
}
