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

// frame takes one of data or zeros.
func (s *scan) frame(h header) error {
	switch {
	case h.kind != kindData && h.kind != kindZero:
		return fmt.Errorf("%w: a header of kind %q in the middle", ErrDamaged, h.kind)
	case h.n == 0 || h.off < s.t.last.end() || h.off > *s.head.Size || h.n > *s.head.Size-h.off:
		return fmt.Errorf("%w: %d bytes at %d of a disk of %d, behind those up to %d", ErrDamaged, h.n, h.off, *s.head.Size, s.t.last.end())
	}
	s.all += h.n
	if h.kind == kindZero {
		s.t.add(frame{off: h.off, n: h.n, zero: true})
		return nil
	}
	s.data += h.n
	if err := s.payload(h); err != nil {
		return err
	}
	var b [len(end)]byte
	if err := s.read(b[:]); err != nil {
		return err
	}
	if string(b[:]) != end {
		return fmt.Errorf("%w: the data does not end where it should", ErrDamaged)
	}
	return nil
}

// payload takes what belongs to a data frame.
func (s *scan) payload(h header) error {
	if s.list == nil {
		return s.piece(frame{off: h.off, n: h.n, stored: h.n})
	}
	off, pieces := h.off, 0
	err := s.list.next(func(stored int64) error {
		pieces++
		n, err := s.pieceSize(stored)
		if err != nil {
			return err
		}
		if n > h.off+h.n-off {
			return fmt.Errorf("%w: more compressed data than its header says", ErrDamaged)
		}
		f := frame{off: off, n: n, stored: stored}
		off += n
		return s.piece(f)
	})
	if err == nil && off != h.off+h.n {
		err = fmt.Errorf("%w: less compressed data than its header says", ErrDamaged)
	}
	return err
}

// piece takes data that lies here in the file.
func (s *scan) piece(f frame) error {
	if f.stored > s.stop-s.pos {
		return fmt.Errorf("%w: it ends at byte %d, in the middle of data", ErrDamaged, s.stop)
	}
	f.pos = s.pos
	s.pos += f.stored
	s.t.add(f)
	if s.t.bytes() > maxTable {
		return ErrTooLarge
	}
	return nil
}

// ended sees whether everything that the stream says of itself is so.
func (s *scan) ended() error {
	if s.pos != s.stop {
		return fmt.Errorf("%w: it ends at byte %d of %d", ErrDamaged, s.pos, s.stop)
	}
	if s.list != nil {
		if err := s.list.end(); err != nil {
			return err
		}
	}
	m := s.head
	switch {
	case s.data != *m.Data:
		return fmt.Errorf("%w: %d bytes of data, its metadata says %d", ErrDamaged, s.data, *m.Data)
	case !m.Incremental && s.all != *m.Size:
		return fmt.Errorf("%w: a full backup that says nothing of %d of %d bytes", ErrDamaged, *m.Size-s.all, *m.Size)
	case m.Incremental && s.all == *m.Size && s.all != s.data:
		return fmt.Errorf("%w: its zero frames are all that is not data, so they may mean what did not change", ErrUnsure)
	}
	return nil
}
