package index

import (
	"context"
	"fmt"
	"io"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
)

// An Image is the read side of one disk at one point. It is immutable and safe for concurrent use.
type Image struct {
	repo  *Repository
	point format.UUID
	disk  format.Disk
	tree  *imagemap.Map
}

// Image opens a disk of a point, whose manifest is whole: of Repository.Point.
func (r *Repository) Image(m *format.Manifest, disk string) (*Image, error) {
	d, ok := m.Disk(disk)
	if !ok {
		return nil, fmt.Errorf("%s@%s has no disk %s: %w", m.MachineName, m.Name, disk, ErrNoPoint)
	}
	if !d.HasImage() {
		return nil, fmt.Errorf("disk %s of %s@%s is %s (%s): %w", disk, m.MachineName, m.Name, d.State, d.Reason, ErrNoPoint)
	}
	return r.image(m, d, r.maps)
}

func (r *Repository) image(m *format.Manifest, d *format.Disk, maps *imagemap.Cache) (*Image, error) {
	tree, err := imagemap.Open(d.Root, d.Size, r.nodes, maps)
	if err != nil {
		return nil, fmt.Errorf("map of disk %s of %s@%s: %w", d.Name, m.MachineName, m.Name, err)
	}
	return &Image{r, m.Point, *d, tree}, nil
}

// Disk is what the manifest says of the disk.
func (im *Image) Disk() *format.Disk { return &im.disk }

// Map is the disk's image map.
func (im *Image) Map() *imagemap.Map { return im.tree }

// Size is the disk's length in bytes.
func (im *Image) Size() int64 { return im.disk.Size }

// Extent tells the kind of the run at off and its length in bytes: data, or a hole that reads as zeros. A run may go on
// behind n with more of the same kind.
func (im *Image) Extent(off int64) (n int64, data bool, err error) {
	if off < 0 || off >= im.disk.Size {
		return 0, false, fmt.Errorf("extent at %d of %d bytes: %w", off, im.disk.Size, io.EOF)
	}
	run, err := im.tree.Find(context.Background(), off>>block.Log2Size)
	if err != nil {
		return 0, false, err
	}
	end := min((run.First+run.N)<<block.Log2Size, im.disk.Size)
	return end - off, run.Kind != format.Zero, nil
}

// ReadAt implements io.ReaderAt. Bytes that are damaged or missing are ErrCorrupt, bytes that were never captured
// ErrUnknownBytes; what p holds after an error means nothing.
func (im *Image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: negative offset", off)
	}
	if off >= im.disk.Size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), im.disk.Size-off))
	pieces, err := im.plan(p[:n], off)
	if err == nil {
		err = im.repo.fetch(context.Background(), pieces)
	}
	if err != nil {
		return 0, fmt.Errorf("read %d bytes at %d of disk %s: %w", n, off, im.disk.Name, err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// A piece is what one block gives to a read.
type piece struct {
	at   format.Address
	dst  []byte // its capacity goes on in the reader's buffer
	skip int    // bytes of the block before dst
	size int    // of the whole block
}

// whole tells whether the piece wants all of its block.
func (p piece) whole() bool { return len(p.dst) == p.size }

// plan clears what is zero and gives a piece for each block of data.
func (im *Image) plan(p []byte, off int64) ([]piece, error) {
	var pieces []piece
	for len(p) > 0 {
		run, err := im.tree.Find(context.Background(), off>>block.Log2Size)
		if err != nil {
			return nil, err
		}
		n := int(min(int64(len(p)), (run.First+run.N)<<block.Log2Size-off))
		switch run.Kind {
		case format.Zero:
			clear(p[:n])
		case format.Data:
			pieces = im.cut(pieces, run, p[:n], off)
		default:
			return nil, ErrUnknownBytes
		}
		p, off = p[n:], off+int64(n)
	}
	return pieces, nil
}

// cut parts the bytes at off, which lie in a data run, by blocks.
func (im *Image) cut(pieces []piece, run imagemap.Run, p []byte, off int64) []piece {
	for len(p) > 0 {
		number := off >> block.Log2Size
		skip := int(off & (block.Size - 1))
		n := min(len(p), block.Size-skip)
		pieces = append(pieces, piece{run.Address(number), p[:n], skip, block.Len(number, im.disk.Size)})
		p, off = p[n:], off+int64(n)
	}
	return pieces
}
