package vmdk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"

	"vbfs/restore"
)

// A packer compresses chunks, one at a time. Its buffers are what bounds how much is read ahead.
type packer struct {
	in     []byte
	out    bytes.Buffer
	places []place
	zip    *zlib.Writer
}

// A place is where a grain is.
type place struct {
	grain int64
	at    int64 // sectors from the beginning of what the packer made
}

func newPacker(level int) (*packer, error) {
	z, err := zlib.NewWriterLevel(nil, level)
	if err != nil {
		return nil, err
	}
	return &packer{in: make([]byte, restore.ChunkSize), zip: z}, nil
}

// pack reads a chunk and compresses its grains into out, each from a sector's beginning on.
func (p *packer) pack(img restore.Image, c restore.Chunk) error {
	p.out.Reset()
	p.places = p.places[:0]
	data := p.in[:c.Len]
	if err := readFull(img, data, c.Off); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	if end := c.Len + padding(c.Len); end > c.Len { // the disk's last sector
		data = p.in[:end]
		clear(data[c.Len:])
	}
	for at := 0; at < len(data); at += grainSize {
		grain := data[at:min(at+grainSize, len(data))]
		if zero(grain) {
			continue
		}
		if err := p.add(grain, c.Off+int64(at)); err != nil {
			return err
		}
	}
	return nil
}

// add compresses a grain of the disk's offset off. Of the last one there is as much as the disk has.
func (p *packer) add(grain []byte, off int64) error {
	begin := p.out.Len()
	p.places = append(p.places, place{off / grainSize, int64(begin) / sectorSize})
	p.out.Write(make([]byte, grainHeader))
	p.zip.Reset(&p.out)
	if _, err := p.zip.Write(grain); err != nil {
		return err
	}
	if err := p.zip.Close(); err != nil {
		return err
	}
	h := p.out.Bytes()[begin:]
	binary.LittleEndian.PutUint64(h, uint64(off/sectorSize))
	binary.LittleEndian.PutUint32(h[8:], uint32(len(h)-grainHeader))
	p.out.Write(make([]byte, padding(int64(len(h)))))
	return nil
}

var zeros [grainSize]byte

func zero(grain []byte) bool { return bytes.Equal(grain, zeros[:len(grain)]) }

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
