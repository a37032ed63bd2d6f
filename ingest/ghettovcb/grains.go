package ghettovcb

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
)

// walk reads the grain tables of a sparse extent, and holds that all grains lie inside the file: QEMU reads zeros behind
// its end.
//
//	directory: [table][0][table]...     table: [grain][0][grain][zero]...
//	               |                              |
//	               +-> a table                    +-> s.grain sectors of data, or a marker and compressed data
func (s *sparse) walk(ctx context.Context) error {
	width := int64(4)
	if s.large {
		width = 8
	}
	dir := newNumbers(io.NewSectionReader(s.file, s.dir*sector, s.tables*width), int(width))
	for t := int64(0); t < s.tables; t++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := dir.next()
		if err != nil {
			return short(err)
		}
		at, err := s.table(n)
		if err != nil {
			return err
		}
		if at == 0 {
			continue
		}
		if err := s.walkTable(newNumbers(io.NewSectionReader(s.file, at*sector, s.perTable*width), int(width)), t); err != nil {
			return err
		}
	}
	return nil
}

// walkTable looks at the grains of one table. The last table may be of more than there are.
func (s *sparse) walkTable(table *numbers, t int64) error {
	for i := t * s.perTable; i < (t+1)*s.perTable && i*s.grain < s.capacity; i++ {
		n, err := table.next()
		if err != nil {
			return short(err)
		}
		at, err := s.grainAt(n)
		if err != nil {
			return err
		}
		if at > 0 && !s.holds(at, min(s.grain, s.capacity-i*s.grain)) {
			return fmt.Errorf("%w: the data of byte %d of its disk lies behind its end: it was cut off", ErrDamaged, i*s.grain*sector)
		}
	}
	return nil
}

// table gives the place of a grain table, 0 for none. A SESPARSE entry holds its number: QEMU, block/vmdk.c, get_cluster_offset.
func (s *sparse) table(n uint64) (int64, error) {
	if !s.large || n == 0 {
		return int64(n), nil
	}
	if n>>32 != 0x10000000 {
		return 0, fmt.Errorf("%w: grain table %#x", ErrDamaged, n)
	}
	return s.tableAt + int64(n&0xffffffff)*64, nil
}

// grainAt gives the place of a grain's data, 0 for none: that is zero, or as the parent has it.
func (s *sparse) grainAt(n uint64) (int64, error) {
	switch {
	case !s.large && n == 1 && s.zeros:
		return 0, nil
	case !s.large && n == 1: // which is in the header
		return 0, fmt.Errorf("%w: grain %#x", ErrDamaged, n)
	case !s.large:
		return int64(n), nil
	}
	switch n >> 60 {
	case 0, 1, 2:
		return 0, nil
	case 3:
		return s.base + int64(n&0x0fff000000000000>>48|n&0x0000ffffffffffff<<12)*s.grain, nil
	}
	return 0, fmt.Errorf("%w: grain %#x", ErrDamaged, n)
}

// marker is the length of what is before compressed data: its place on the disk, 8 bytes, and its length, 4.
const marker = 12

// holds tells whether a grain of so many sectors lies inside the file.
func (s *sparse) holds(at, sectors int64) bool {
	end := at*sector + sectors*sector
	if s.packed {
		m := make([]byte, marker)
		if _, err := s.file.ReadAt(m, at*sector); err != nil {
			return false
		}
		end = at*sector + marker + int64(binary.LittleEndian.Uint32(m[8:]))
	}
	return at < maxSectors && end <= s.size
}

// numbers reads numbers of a width, one after the other.
type numbers struct {
	r     io.Reader
	width int
	buf   []byte
	left  []byte
}

func newNumbers(r io.Reader, width int) *numbers {
	return &numbers{r: r, width: width, buf: make([]byte, 4096)}
}

func (n *numbers) next() (uint64, error) {
	if len(n.left) < n.width {
		got, err := io.ReadAtLeast(n.r, n.buf, n.width)
		if err != nil {
			return 0, io.EOF
		}
		n.left = n.buf[:got]
	}
	var v uint64
	if n.width == 4 {
		v = uint64(binary.LittleEndian.Uint32(n.left))
	} else {
		v = binary.LittleEndian.Uint64(n.left)
	}
	n.left = n.left[n.width:]
	return v, nil
}
