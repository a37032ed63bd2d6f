package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A Reader is the disk in an image as Writer makes them: what was stored, found by what was stored. Goroutines may share it.
type Reader struct {
	file io.ReaderAt
	size int64
	l1   []uint64

	mu     sync.Mutex // of what is below
	tables [cached]table
	clock  int64
}

// cached is how many L2 tables are kept, for those who read along the disk side by side.
const cached = 4

// A table is an L2 table that was read.
type table struct {
	span    int64
	used    int64 // when, by the Reader's clock; 0 is an empty one
	entries []uint64
}

// Read opens an image.
func Read(file io.ReaderAt) (*Reader, error) {
	first := make([]byte, headerSize+entrySize) // with the extension that ends them
	if err := readFull(file, first, 0); err != nil {
		return nil, err
	}
	var h header
	if err := h.unmarshal(first); err != nil {
		return nil, err
	}
	r := &Reader{file: file, size: int64(h.size)}
	var err error
	r.l1, err = r.table(h.l1, int64(h.l1Len))
	return r, err
}

// Size is the disk's length in bytes.
func (r *Reader) Size() int64 { return r.size }

// ReadAt reads from the disk.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off > r.size {
		return 0, fmt.Errorf("%w: offset %d of %d", ErrBad, off, r.size)
	}
	if int64(len(p)) > r.size-off {
		p, err = p[:r.size-off], io.EOF
	}
	for n < len(p) {
		place, length, err := r.run(off+int64(n), int64(len(p)-n))
		if err != nil {
			return n, err
		}
		part := p[n : n+int(length)]
		if place == 0 {
			clear(part)
		} else if err := readFull(r.file, part, place); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, err
}

// Extent tells the kind of the run at off and its length: data, or a hole.
func (r *Reader) Extent(off int64) (n int64, data bool, err error) {
	if off < 0 || off >= r.size {
		return 0, false, fmt.Errorf("%w: offset %d of %d", ErrBad, off, r.size)
	}
	place, n, err := r.run(off, r.size-off)
	return n, place != 0, err
}

// run tells where in the file the disk's bytes at off are, and how many, of at most limit, are one behind the other there. 0 is a hole.
func (r *Reader) run(off, limit int64) (place, n int64, err error) {
	span, first := off/l2Span, off/ClusterSize%l2Entries
	limit = min(limit, l2Span-off%l2Span)
	if r.l1[span] == 0 {
		return 0, limit, nil
	}
	l2, err := r.l2(span)
	if err != nil {
		return 0, 0, err
	}
	begin, err := where(l2[first])
	if err != nil {
		return 0, 0, err
	}
	end := first + 1
	for end < l2Entries && (end*ClusterSize-off%l2Span) < limit && follows(l2[end], l2[first], end-first) {
		end++
	}
	n = min(limit, end*ClusterSize-off%l2Span)
	if begin == 0 {
		return 0, n, nil
	}
	return begin + off%ClusterSize, n, nil
}

// follows tells whether an entry goes on where the first one began, n clusters before it.
func follows(entry, first uint64, n int64) bool {
	if first == 0 {
		return entry == 0
	}
	return entry == first+uint64(n)*ClusterSize
}

// where takes an entry apart.
func where(entry uint64) (int64, error) {
	off := entry & offsetMask
	if entry != 0 && (entry != off|copied || off == 0 || off%ClusterSize != 0) {
		return 0, fmt.Errorf("%w: entry %#x of a table", ErrBad, entry)
	}
	return int64(off), nil
}

// l2 gives a table, and reads it unless it was used of late.
func (r *Reader) l2(span int64) ([]uint64, error) {
	place, err := where(r.l1[span])
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := 0
	r.clock++
	for i := range r.tables {
		t := &r.tables[i]
		if t.used > 0 && t.span == span {
			t.used = r.clock
			return t.entries, nil
		}
		if t.used < r.tables[oldest].used {
			oldest = i
		}
	}
	entries, err := r.table(uint64(place), l2Entries)
	if err == nil {
		r.tables[oldest] = table{span, r.clock, entries}
	}
	return entries, err
}

// table reads one of n entries, which are bounded by what they tell of.
func (r *Reader) table(place uint64, n int64) ([]uint64, error) {
	if place%ClusterSize != 0 || place&^offsetMask != 0 || n > 0 && place == 0 {
		return nil, fmt.Errorf("%w: a table at %d", ErrBad, place)
	}
	b, entries := make([]byte, n*entrySize), make([]uint64, n)
	if err := readFull(r.file, b, int64(place)); err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i] = binary.BigEndian.Uint64(b[i*entrySize:])
	}
	return entries, nil
}

// readFull fills p, or is an error: bytes that are missing are never taken for zeros.
func readFull(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	if n == len(p) && (err == nil || errors.Is(err, io.EOF)) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(p), off, err)
}
