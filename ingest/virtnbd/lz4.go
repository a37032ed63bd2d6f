package virtnbd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// maxPiece bounds what one compressed piece is decoded to: virtnbdbackup reads no more at once than an NBD server takes,
// which for QEMU's is 32 MiB.
const maxPiece = 64 << 20

// lz4Magic and lz4HasSize are of LZ4's frame format (lz4_Frame_format.md, "General Structure of LZ4 Frame format").
const (
	lz4Magic   = 0x184d2204
	lz4HasSize = 1 << 3
)

// pieceSize reads the head of a compressed piece, which says how many bytes it decodes to.
func (s *scan) pieceSize(stored int64) (int64, error) {
	var b [14]byte // magic, flags, block sizes, content size
	at := s.pos
	if stored < int64(len(b)) || s.stop-at < stored {
		return 0, fmt.Errorf("%w: compressed data of %d bytes", ErrDamaged, stored)
	}
	err := s.read(b[:])
	s.pos = at
	if err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(b[6:])
	if binary.LittleEndian.Uint32(b[:]) != lz4Magic || b[4]&lz4HasSize == 0 || n == 0 || n > maxPiece {
		return 0, fmt.Errorf("%w: compressed data that does not say how much it is", ErrDamaged)
	}
	return int64(n), nil
}

// A decoder reads a compressed piece from its beginning on, and stands at some byte of what comes out.
type decoder struct {
	frame
	src *io.SectionReader
	z   *lz4.Reader
	at  int64
}

func newDecoder(f io.ReaderAt, p frame) *decoder {
	src := io.NewSectionReader(f, p.pos, p.stored)
	z := lz4.NewReader(src)
	z.Apply(lz4.ConcurrencyOption(1)) // of a reader that has not begun there is nothing that it could refuse
	return &decoder{p, src, z, 0}
}

// read goes on to off, and fills p. At the end of the piece it sees that nothing is left, which checks the piece's sum.
func (d *decoder) read(p []byte, off int64) error {
	if err := d.skip(off - d.at); err != nil {
		return err
	}
	n, err := io.ReadFull(d.z, p)
	d.at += int64(n)
	if err != nil {
		return d.damaged(err)
	}
	if d.at < d.n {
		return nil
	}
	var more [1]byte
	switch n, err := io.ReadFull(d.z, more[:]); {
	case n != 0:
		return d.damaged(errors.New("it goes on"))
	case !errors.Is(err, io.EOF):
		return d.damaged(err)
	}
	if left, _ := d.src.Seek(0, io.SeekCurrent); left != d.stored {
		return fmt.Errorf("%w: compressed data at byte %d that ends too early", ErrDamaged, d.pos)
	}
	return nil
}

func (d *decoder) skip(n int64) error {
	got, err := io.CopyN(io.Discard, d.z, n)
	d.at += got
	if err != nil {
		return d.damaged(err)
	}
	return nil
}

func (d *decoder) damaged(err error) error {
	return fmt.Errorf("%w: compressed data at byte %d does not decode to %d bytes: %w", ErrDamaged, d.pos, d.n, err)
}

// idleDecoders bounds how many decoders wait to go on: one for each of the workers, which read on from where they were.
const idleDecoders = 16

// decoders keeps those that stand in the middle of a piece: to go on is cheaper than to begin again.
type decoders struct {
	mu   sync.Mutex // guards idle
	idle []*decoder // the last one used is the last
}

// read fills p with what a piece decodes to from off on.
func (ds *decoders) read(f io.ReaderAt, piece frame, p []byte, off int64) error {
	d := ds.take(piece, off)
	if d == nil {
		d = newDecoder(f, piece)
	}
	if err := d.read(p, off); err != nil {
		return err
	}
	if d.at < d.n {
		ds.put(d)
	}
	return nil
}

// take gives the idle one that stands nearest before off.
func (ds *decoders) take(piece frame, off int64) *decoder {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	best := -1
	for i, d := range ds.idle {
		if d.pos == piece.pos && d.at <= off && (best < 0 || d.at > ds.idle[best].at) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	d := ds.idle[best]
	ds.idle = append(ds.idle[:best], ds.idle[best+1:]...)
	return d
}

func (ds *decoders) put(d *decoder) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if len(ds.idle) == idleDecoders {
		ds.idle = ds.idle[1:]
	}
	ds.idle = append(ds.idle, d)
}
