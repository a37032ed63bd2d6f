package virtnbd

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// maxTable bounds the memory for the frames of one stream, and maxTables of a set, in bytes: eight million frames, which on
// a disk of 1 TiB is a change of data and zero every 128 KiB, and thrice that.
const (
	maxTable  = 64 << 20
	maxTables = 3 * maxTable
)

// A scan reads a stream's headers, from the first to the last, and skips what is between them.
type scan struct {
	f    io.ReaderAt
	size int64 // of the file
	pos  int64
	head *meta
	raw  []byte // the head's JSON
	list *trailer
	stop int64 // where the frames have to end
	t    table
	data int64 // bytes of all data frames
	all  int64 // of zero frames, too
}

// readHead reads the metadata at the head of a stream.
func readHead(f io.ReaderAt, size int64) (*scan, error) {
	s := &scan{f: f, size: size, stop: size}
	h, err := s.header()
	if err != nil {
		return nil, err
	}
	if h.kind != kindMeta || h.off != 0 || h.n > maxMeta {
		return nil, fmt.Errorf("%w: it does not begin with metadata", ErrDamaged)
	}
	s.raw = make([]byte, h.n+int64(len(end)))
	if err := s.read(s.raw); err != nil {
		return nil, err
	}
	if string(s.raw[h.n:]) != end {
		return nil, fmt.Errorf("%w: its metadata does not end where it should", ErrDamaged)
	}
	s.raw = s.raw[:h.n]
	s.head, err = parseMeta(s.raw)
	return s, err
}

// read reads what comes next. An end of the file before that is damage.
func (s *scan) read(p []byte) error {
	if int64(len(p)) > s.size-s.pos {
		return fmt.Errorf("%w: it ends at byte %d, in the middle", ErrDamaged, s.size)
	}
	n, err := s.f.ReadAt(p, s.pos)
	if n == len(p) {
		err = nil
	} else if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the file shrank
	}
	s.pos += int64(n)
	return err
}

func (s *scan) header() (header, error) {
	var b [headerSize]byte
	at := s.pos
	if err := s.read(b[:]); err != nil {
		return header{}, err
	}
	h, err := parseHeader(b[:])
	if err != nil {
		return h, fmt.Errorf("at byte %d: %w", at, err)
	}
	return h, nil
}

// frames reads all behind the metadata, and sees that it adds up.
func (s *scan) frames(ctx context.Context) error {
	if s.head.compressed() {
		if err := s.findTrailer(); err != nil {
			return err
		}
	}
	for {
		if s.t.count%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		at := s.pos
		h, err := s.header()
		if err != nil {
			return err
		}
		if h.kind == kindStop {
			break
		}
		if err := s.frame(h); err != nil {
			return fmt.Errorf("at byte %d: %w", at, err)
		}
		if s.t.bytes() > maxTable {
			return ErrTooLarge
		}
	}
	return s.ended()
}

// findTrailer finds the list of compressed sizes from the end of the file, where its length is.
func (s *scan) findTrailer() error {
	begin := s.pos
	s.pos = max(s.size-headerSize-int64(len(end)), begin)
	var b [len(end)]byte
	if err := s.read(b[:]); err != nil {
		return err
	}
	h, err := s.header()
	if err != nil {
		return err
	}
	if string(b[:]) != end || h.kind != kindComp || h.n > s.size-begin-headerSize-int64(len(end)) {
		return fmt.Errorf("%w: it does not end with the list of compressed sizes", ErrDamaged)
	}
	s.stop = s.size - headerSize - int64(len(end)) - h.n
	s.list = newTrailer(io.NewSectionReader(s.f, s.stop, h.n))
	s.pos = begin
	return nil
}
