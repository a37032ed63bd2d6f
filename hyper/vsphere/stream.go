package vsphere

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// A Stream is a range of a file that is asked for once and read bit by bit: one ticket and one request for what would be many. It
// belongs to one goroutine.
type Stream struct {
	body  io.Reader
	left  int64 // bytes to come
	clock *time.Timer
	end   func()
}

// errBusy says that there are as many streams as can be.
var errBusy = errors.New("too many streams")

// Stream asks once, on one way, for n bytes at an offset, and gives the file's size. What Read does for a range in trouble is left to
// Read: an error here, or of the stream, is a reason to call that.
func (f *File) Stream(ctx context.Context, off, n int64) (_ *Stream, size int64, err error) {
	leave, err := f.enter(ctx)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s := &Stream{left: n, clock: time.AfterFunc(fileTime, func() { cancel(errSlow) })}
	s.end = sync.OnceFunc(func() {
		s.clock.Stop()
		cancel(nil)
		leave()
	})
	res, err := f.ask(ctx, f.first(), span{off, n})
	if err != nil {
		s.end()
		return nil, 0, fmt.Errorf("read %s: %w", f.name, err)
	}
	return s.begin(res, off)
}

// enter takes a slot of both kinds, if one for streams is free.
func (f *File) enter(ctx context.Context) (leave func(), err error) {
	select {
	case f.c.streams <- struct{}{}:
	default:
		return nil, errBusy
	}
	select {
	case f.c.slots <- struct{}{}:
		return func() { <-f.c.slots; <-f.c.streams }, nil
	case <-ctx.Done():
		<-f.c.streams
		return nil, context.Cause(ctx)
	}
}

func (s *Stream) begin(res *http.Response, off int64) (*Stream, int64, error) {
	end := s.end
	s.body, s.end = res.Body, func() { res.Body.Close(); end() }
	size, err := ranged(res, off, s.left)
	if err != nil {
		s.end()
		return nil, 0, err
	}
	s.clock.Stop()
	return s, size, nil
}

// Left is how many bytes are to come.
func (s *Stream) Left() int64 { return s.left }

// Read fills p. The time that is allowed is each read's own: who reads may be slow.
func (s *Stream) Read(p []byte) error {
	if int64(len(p)) > s.left {
		return fmt.Errorf("%w: %d bytes are to come, %d are asked for", ErrFile, s.left, len(p))
	}
	s.clock.Reset(fileTime)
	n, err := io.ReadFull(s.body, p)
	s.clock.Stop()
	s.left -= int64(n)
	return err
}

// Close ends the request, if it has not come to its end.
func (s *Stream) Close() { s.end() }
