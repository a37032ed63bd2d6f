package pack

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"vbfs/index/block"
	"vbfs/index/format"
)

// An Encoder compresses blocks. It belongs to one goroutine.
type Encoder struct {
	codec format.Codec
	zstd  *zstd.Encoder
	lz4   lz4.Compressor
	dec   *Decoder
	out   []byte // the encoded block; valid until the next Encode
	back  []byte // what it decodes to
}

// NewEncoder makes an encoder for a codec.
func NewEncoder(c format.Codec) (*Encoder, error) {
	dec, err := NewDecoder()
	if err != nil {
		return nil, err
	}
	e := &Encoder{codec: c, dec: dec, out: make([]byte, 0, format.MaxBlock), back: make([]byte, 0, block.Size+Slack)}
	if c == format.Zstd {
		// One goroutine at work on one block: no concurrency inside, a window of one block, no checksum beside the tag.
		e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(block.Size), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true),
			zstd.WithAllLitEntropyCompression(true)) // 1 % smaller at the same speed
	}
	return e, err
}

// Encode compresses a block of at most 64 KiB and checks that it decodes to the same bytes; when it does not shrink it
// stays raw. The result is valid until the next call.
func (e *Encoder) Encode(raw []byte) (format.Codec, []byte, error) {
	out, err := e.compress(raw)
	if err != nil {
		return 0, nil, fmt.Errorf("compress with %v: %w", e.codec, err)
	}
	if out == nil || len(out) >= len(raw) {
		return format.Raw, raw, nil
	}
	e.back, err = e.dec.Decode(e.back[:0], e.codec, out)
	if err != nil || !bytes.Equal(e.back, raw) {
		return 0, nil, fmt.Errorf("%v does not give back what it compressed: %w", e.codec, errors.Join(ErrCorrupt, err))
	}
	return e.codec, out, nil
}

func (e *Encoder) compress(raw []byte) ([]byte, error) {
	switch e.codec {
	case format.Zstd:
		return e.zstd.EncodeAll(raw, e.out[:0]), nil
	case format.S2:
		return s2.Encode(e.out[:cap(e.out)], raw), nil
	case format.LZ4:
		n, err := e.lz4.CompressBlock(raw, e.out[:len(raw)])
		if n == 0 || errors.Is(err, lz4.ErrInvalidSourceShortBuffer) { // it does not fit, so does not shrink
			return nil, nil
		}
		return e.out[:n], err
	}
	return nil, nil
}

// Slack is how many bytes of capacity behind a block let the zstd decoder go a third faster: it then writes past the end
// of what it gives, within the capacity.
const Slack = 16

// A Decoder decompresses blocks. It is safe for concurrent use.
type Decoder struct{ zstd *zstd.Decoder }

// NewDecoder makes a decoder.
func NewDecoder() (*Decoder, error) {
	// Concurrency 0 allows as many calls at once as there are cores; nothing may grow beyond a block.
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(block.Size),
		zstd.WithDecoderMaxWindow(block.Size), zstd.WithDecoderLowmem(true))
	return &Decoder{z}, err
}

// Decode appends the block to dst, and may write anywhere in dst's capacity. A block of more than 64 KiB is refused before
// it is made.
func (d *Decoder) Decode(dst []byte, c format.Codec, p []byte) ([]byte, error) {
	switch c {
	case format.Raw:
		if len(p) > block.Size {
			return nil, fmt.Errorf("raw block of %d bytes: %w", len(p), ErrCorrupt)
		}
		return append(dst, p...), nil
	case format.Zstd:
		out, err := d.zstd.DecodeAll(p, dst)
		return out, corrupt(err)
	case format.S2:
		return decodeS2(dst, p)
	case format.LZ4:
		return decodeLZ4(dst, p)
	}
	return nil, fmt.Errorf("block codec %d: %w", c, format.ErrUnknown)
}

func decodeS2(dst, p []byte) ([]byte, error) {
	n, err := s2.DecodedLen(p)
	if err != nil || n > block.Size {
		return nil, fmt.Errorf("s2 block of %d bytes: %w", n, errors.Join(ErrCorrupt, err))
	}
	at := len(dst)
	dst = append(dst, make([]byte, n)...)
	_, err = s2.Decode(dst[at:], p)
	return dst, corrupt(err)
}

func decodeLZ4(dst, p []byte) ([]byte, error) {
	at := len(dst)
	dst = append(dst, make([]byte, block.Size)...)
	n, err := lz4.UncompressBlock(p, dst[at:])
	if err != nil {
		return nil, corrupt(err)
	}
	return dst[:at+n], nil
}

func corrupt(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(ErrCorrupt, err)
}
