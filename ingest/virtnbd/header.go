package virtnbd

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// A stream is made of headers and what belongs to them; a header is text (virtnbdbackup, sparsestream/types.py):
//
//	 0   4  kind: meta, data, zero, stop or comp
//	 4   1  space
//	 5  16  offset on the disk, hexadecimal digits
//	21   1  space
//	22  16  length in bytes, hexadecimal digits
//	38   2  CR LF
const (
	headerSize = 40
	end        = "\r\n" // behind a header, and behind its payload
)

// Kinds of frames.
const (
	kindMeta = "meta"
	kindData = "data"
	kindZero = "zero"
	kindStop = "stop"
	kindComp = "comp"
)

// A header is one as read.
type header struct {
	kind   string
	off, n int64
}

func parseHeader(b []byte) (h header, err error) {
	if len(b) != headerSize || b[4] != ' ' || b[21] != ' ' || string(b[38:]) != end {
		return h, fmt.Errorf("%w: no header", ErrDamaged)
	}
	h.kind = string(b[:4])
	switch h.kind {
	case kindMeta, kindData, kindZero, kindStop, kindComp:
	default:
		return h, fmt.Errorf("%w: a header of an unknown kind %q", ErrDamaged, h.kind)
	}
	if h.off, err = parseHex(b[5:21]); err != nil {
		return h, err
	}
	h.n, err = parseHex(b[22:38])
	return h, err
}

// parseHex reads 16 digits. What does not fit into an int64 is no length.
func parseHex(b []byte) (int64, error) {
	var raw [8]byte
	if _, err := hex.Decode(raw[:], b); err != nil {
		return 0, fmt.Errorf("%w: %q is no number", ErrDamaged, b)
	}
	v := int64(binary.BigEndian.Uint64(raw[:]))
	if v < 0 {
		return 0, fmt.Errorf("%w: %q is too large", ErrDamaged, b)
	}
	return v, nil
}
