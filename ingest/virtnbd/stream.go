package virtnbd

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// A stream is one file of a set: a disk, or what changed on it.
type stream struct {
	fileName
	dir  *os.Root
	info fs.FileInfo
	room *room // that the tables of the set share

	head    *meta // nil of a raw image, and of a damaged one
	json    []byte
	headErr error
	openErr error // why the file cannot even be opened
	raw     bool  // the file is the disk, byte for byte

	mu      sync.Mutex // guards all below
	file    *os.File   // nil before the first use
	frames  *table     // nil before
	broken  error      // why there are no frames
	checked bool
	check   error // what a reading of everything found

	parts decoders
}

// begin reads what the stream says of itself.
func (s *stream) begin() {
	f, err := open(s.dir, s.name, nil)
	if err == nil {
		defer f.Close()
		s.info, err = f.Stat()
	}
	if s.openErr, s.headErr = err, err; err != nil {
		return
	}
	head, err := readHead(f, s.info.Size())
	if err != nil {
		s.headErr = err
		return
	}
	s.head, s.json = head.head, head.raw
	s.headErr = s.agrees()
}

// agrees sees whether the head fits the name of the file.
func (s *stream) agrees() error {
	m := s.head
	switch {
	case m.Disk != s.disk:
		return fmt.Errorf("%w: it says that it is of disk %q", ErrDamaged, m.Disk)
	case s.kind == fileInc && m.Checkpoint != s.of:
		return fmt.Errorf("%w: it says that it is of checkpoint %q", ErrDamaged, m.Checkpoint)
	case (s.kind == fileFull || s.kind == fileCopy) && m.Incremental, s.kind == fileDiff && !m.Incremental:
		return fmt.Errorf("%w: it says incremental: %v", ErrDamaged, m.Incremental)
	}
	return nil
}

// incremental tells whether the stream counts from another one: of what it says, not of how it is called, for a full that
// took the place of an increment is called inc.
func (s *stream) incremental() bool { return s.head != nil && s.head.Incremental }

// marks tells whether a checkpoint was made with the stream, from which others can count: not with copies, differential
// ones, and those of shut-off machines, which name the checkpoint that they count from as their own.
func (s *stream) marks() bool {
	return s.head != nil && (s.kind == fileFull || s.kind == fileInc) && s.head.Checkpoint != s.head.Parent
}

// size is the disk's, in bytes.
func (s *stream) size() int64 {
	if s.raw {
		return s.info.Size()
	}
	return *s.head.Size
}

// use opens the file and reads where its frames are, at the first call.
func (s *stream) use(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frames != nil || s.broken != nil {
		return s.broken
	}
	err := s.load(ctx)
	if ctx.Err() == nil && err != nil {
		s.broken = fmt.Errorf("%s: %w", s.name, err)
		return s.broken
	}
	return err
}

func (s *stream) load(ctx context.Context) (err error) {
	if s.headErr != nil {
		return s.headErr
	}
	if s.file == nil {
		if s.file, err = open(s.dir, s.name, s.info); err != nil {
			return err
		}
	}
	if s.raw {
		s.frames = new(table)
		if n := s.info.Size(); n > 0 {
			s.frames.add(frame{n: n, stored: n})
		}
		return nil
	}
	sc, err := readHead(s.file, s.info.Size())
	if err != nil {
		return err
	}
	if string(sc.raw) != string(s.json) {
		return fmt.Errorf("its head has changed: somebody writes to the set")
	}
	if err := sc.frames(ctx); err != nil {
		return err
	}
	if err := s.room.take(sc.t.bytes()); err != nil {
		return err
	}
	s.frames = &sc.t
	return nil
}

// zeros tells whether the stream records ranges that are zero. It has to be in use.
func (s *stream) zeros() bool {
	for c := s.frames.all(); ; {
		f, ok := c.next()
		if !ok || f.zero {
			return ok
		}
	}
}

// readFrame fills p from a frame of data, from a byte of the disk on.
func (s *stream) readFrame(f frame, p []byte, off int64) error {
	if s.raw || !s.head.compressed() {
		n, err := s.file.ReadAt(p, f.pos+off-f.off)
		if n == len(p) {
			return nil
		}
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if err := s.parts.read(s.file, f, p, off-f.off); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

func (s *stream) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
