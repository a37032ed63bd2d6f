package acceptance

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/report"
	"vbfs/ingest"
)

// A moment is a point, and what the machine's disks held then.
type moment struct {
	report.Point
	disks map[string]*disk
	ring  *ring // that was written to disks all the time, where it has its slots; nil without
}

// frozen tells whether a disk has a file system that was frozen at the instant.
func (m *moment) frozen(target string) bool {
	return m.Consistency == ingest.Filesystem && target == "vda"
}

// Of ext4, bytes (Linux, Documentation/filesystems/ext4/super.rst).
const (
	superblock     = 1024
	superblockSize = 1024
)

// thawed tells how a superblock is not one of a file system that is whole without its journal.
func thawed(p []byte) error {
	magic, incompatible := binary.LittleEndian.Uint16(p[0x38:]), binary.LittleEndian.Uint32(p[0x60:])
	if magic != 0xef53 || incompatible&4 != 0 {
		return fmt.Errorf("the file system was not frozen: magic %x, features %x", magic, incompatible)
	}
	return nil
}

// round checks the ring, if there is one.
func (m *moment) round(t *testing.T, repo *index.Repository) error {
	if m.ring == nil {
		return nil
	}
	at := map[string]io.ReaderAt{}
	for _, target := range m.ring.disks {
		img, err := m.image(t, repo, target)
		if err != nil {
			return err
		}
		at[target] = img
	}
	return m.ring.round(at)
}

// same compares a disk in the point with what it held, but for what is checked in another way.
func (m *moment) same(t *testing.T, repo *index.Repository, target string, d *disk) error {
	img, err := m.image(t, repo, target)
	if err != nil {
		return err
	}
	d = d.copy()
	if m.frozen(target) {
		p, err := adopt(d, img, superblock, superblockSize)
		if err = cmp.Or(err, thawed(p)); err != nil {
			return err
		}
	}
	if m.ring != nil && slices.Contains(m.ring.disks, target) {
		for slot := range int64(slots) {
			if _, err := adopt(d, img, slot*slotStep, slotSize); err != nil {
				return err
			}
		}
	}
	c := &comparer{want: d}
	if _, err := io.CopyBuffer(c, io.NewSectionReader(img, 0, img.Size()), make([]byte, mib)); err != nil {
		return err
	}
	return c.end()
}

// adopt takes a range over as it is.
func adopt(d *disk, from io.ReaderAt, off, n int64) ([]byte, error) {
	p := make([]byte, n)
	_, err := from.ReadAt(p, off)
	if err == nil {
		d.write(p, off)
	}
	return p, err
}

func (m *moment) image(t *testing.T, repo *index.Repository, target string) (*index.Image, error) {
	id, err := format.ParseUUID(m.ID)
	if err != nil {
		return nil, err
	}
	points, err := repo.Points(t.Context())
	if err != nil {
		return nil, err
	}
	for _, p := range points {
		if p.Point != id {
			continue
		}
		if p, err = repo.Point(t.Context(), p); err != nil {
			return nil, err
		}
		return repo.Image(p, target)
	}
	return nil, fmt.Errorf("%w: it is lost", index.ErrNoPoint)
}

// diskOf is a disk of those bytes, which shares with another one what it has in common with it.
func diskOf(b []byte, was *disk) *disk {
	is := newDisk(int64(len(b)))
	for i := range is.units {
		p := b[i*unit : min((i+1)*unit, len(b))]
		switch {
		case bytes.Equal(p, zeros[:len(p)]):
		case was != nil && i < len(was.units) && bytes.Equal(p, was.unit(int64(i))[:len(p)]):
			is.units[i] = was.units[i]
		default:
			is.units[i] = new([unit]byte)
			copy(is.units[i][:], p)
		}
	}
	return is
}

// bytes gives a range that lies in one unit.
func (d *disk) bytes(off, n int64) []byte {
	return d.unit(off / unit)[off%unit:][:n]
}

// equal tells whether two disks hold the same.
func (d *disk) equal(other *disk) bool {
	if d.size != other.size {
		return false
	}
	for i := range d.units {
		if *d.unit(int64(i)) != *other.unit(int64(i)) {
			return false
		}
	}
	return true
}
