package restore

import (
	"fmt"
	"math/bits"
)

// maxMarked bounds the disks that Marks are kept of: at 64 TiB they take 128 MiB.
const maxMarked = 64 << 40

// Marks are a set of a disk's granules, a bit for each.
type Marks struct {
	size int64
	set  []uint64
}

// NewMarks makes an empty set for a disk of size bytes; a very large one is ErrUnsupported.
func NewMarks(size int64) (*Marks, error) {
	if size < 0 || size > maxMarked {
		return nil, fmt.Errorf("%w: marks of a disk of %d bytes", ErrUnsupported, size)
	}
	return &Marks{size, make([]uint64, (granules(size)+63)/64)}, nil
}

// Add marks the granules that a range of bytes touches. What lies outside of the disk is ignored.
func (m *Marks) Add(off, n int64) {
	off, end := max(off, 0), min(off+n, m.size)
	if off >= end {
		return
	}
	for g := off / Granule; g < granules(end); g++ {
		m.set[g/64] |= 1 << (g % 64)
	}
}

// Has tells whether the granule at an offset is marked.
func (m *Marks) Has(off int64) bool {
	g := off / Granule
	return m.set[g/64]&(1<<(g%64)) != 0
}

// Bytes counts what is marked, in whole granules.
func (m *Marks) Bytes() int64 {
	n := 0
	for _, w := range m.set {
		n += bits.OnesCount64(w)
	}
	return int64(n) * Granule
}

// at tells how far the granules from off on, which lies at one, are marked, or are not, in bytes.
func (m *Marks) at(off int64) (n int64, in bool) {
	in = m.Has(off)
	for end := off; end < m.size; {
		g := end / Granule
		if w := m.set[g/64]; g%64 == 0 && (w == 0 && !in || w == ^uint64(0) && in) {
			end += 64 * Granule
			continue
		}
		if m.Has(end) != in {
			return end - off, in
		}
		end += Granule
	}
	return m.size - off, in
}

func granules(n int64) int64 { return (n + Granule - 1) / Granule }
