package virtnbd

import "fmt"

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
