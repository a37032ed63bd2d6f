package acceptance

import (
	"bytes"
	"fmt"
	"slices"
)

const unit = 64 << 10

// A disk is a model of one: its bytes at an instant. The units are never changed in place, so that a copy of the list is
// a copy of the disk.
type disk struct {
	size  int64
	units []*[unit]byte // nil is zeros
}

func newDisk(size int64) *disk {
	return &disk{size, make([]*[unit]byte, (size+unit-1)/unit)}
}

func (d *disk) copy() *disk { return &disk{d.size, slices.Clone(d.units)} }

var zeros [unit]byte

func (d *disk) unit(i int64) *[unit]byte {
	if u := d.units[i]; u != nil {
		return u
	}
	return &zeros
}

// pieces calls do for the part of each unit that the range has.
func pieces(off, n int64, do func(i, from, to int64)) {
	for n > 0 {
		i, from := off/unit, off%unit
		to := min(unit, from+n)
		do(i, from, to)
		off, n = off+to-from, n-(to-from)
	}
}

func (d *disk) write(p []byte, off int64) {
	pieces(off, int64(len(p)), func(i, from, to int64) {
		u := *d.unit(i)
		p = p[copy(u[from:to], p):]
		d.units[i] = &u
		if u == zeros {
			d.units[i] = nil
		}
	})
}

func (d *disk) zero(off, n int64) {
	pieces(off, n, func(i, from, to int64) {
		if d.units[i] == nil {
			return
		}
		u := *d.units[i]
		clear(u[from:to])
		d.units[i] = &u
		if u == zeros {
			d.units[i] = nil
		}
	})
}

// resize grows by zeros. What was cut off does not come back.
func (d *disk) resize(size int64) {
	if size < d.size {
		d.zero(size, d.size-size)
	}
	n := int((size + unit - 1) / unit)
	if n < len(d.units) {
		d.units = d.units[:n:n]
	}
	d.units = append(d.units, make([]*[unit]byte, n-len(d.units))...)
	d.size = size
}

// differs tells how bytes read at off are not the disk's.
func (d *disk) differs(p []byte, off int64) (err error) {
	if off+int64(len(p)) > d.size {
		return fmt.Errorf("%d bytes at %d of a disk of %d", len(p), off, d.size)
	}
	pieces(off, int64(len(p)), func(i, from, to int64) {
		if want := d.unit(i)[from:to]; err == nil && !bytes.Equal(p[:to-from], want) {
			k := 0
			for p[k] == want[k] {
				k++
			}
			err = fmt.Errorf("wrong bytes at %d: %x, want %x", i*unit+from+int64(k), p[k], want[k])
		}
		p = p[to-from:]
	})
	return err
}

// A comparer takes a disk's bytes in order, and refuses the first that is wrong.
type comparer struct {
	want *disk
	off  int64
}

func (c *comparer) Write(p []byte) (int, error) {
	if err := c.want.differs(p, c.off); err != nil {
		return 0, err
	}
	c.off += int64(len(p))
	return len(p), nil
}

// end tells whether all bytes have come.
func (c *comparer) end() error {
	if c.off != c.want.size {
		return fmt.Errorf("%d bytes of %d", c.off, c.want.size)
	}
	return nil
}
