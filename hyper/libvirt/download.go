package libvirt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// A Reader reads a volume's file at any place, by several connections of its own. Goroutines may share it.
type Reader struct {
	v    *Volume
	size int64
	all  []*stream
	free chan *stream
}

// readers is how many connections a Reader has: enough to hide how long each waits for an answer.
const readers = 4

// Reader reads a file of size bytes, which does not change meanwhile. It ends with the context.
func (v *Volume) Reader(ctx context.Context, size int64) (*Reader, error) {
	return v.reader(ctx, size, readers)
}

func (v *Volume) reader(ctx context.Context, size int64, connections int) (*Reader, error) {
	r := &Reader{v: v, size: size, free: make(chan *stream, connections)}
	made := make(chan *stream, connections)
	g, dialing := errgroup.WithContext(ctx)
	for range connections {
		g.Go(func() error {
			if dialing.Err() != nil {
				return context.Cause(dialing)
			}
			s, err := v.conn.stream(ctx)
			if err == nil {
				made <- s
			}
			return err
		})
	}
	err := g.Wait()
	for range len(made) {
		s := <-made
		r.all = append(r.all, s)
		r.free <- s
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("download %s: %w", v.path, err)
	}
	return r, nil
}

// Close ends it, when the reads under way have ended.
func (r *Reader) Close() error {
	for _, s := range r.all {
		s.callOff(ErrClosed)
	}
	for range r.all {
		(<-r.free).close()
	}
	return nil
}

// Size is the file's length in bytes.
func (r *Reader) Size() int64 { return r.size }

// ReadAt reads from the file. Bytes that do not come are an error.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off > r.size {
		return 0, fmt.Errorf("read %s at %d, of %d bytes: %w", r.v.path, off, r.size, io.EOF)
	}
	if int64(len(p)) > r.size-off {
		p, err = p[:r.size-off], io.EOF
	}
	if len(p) == 0 {
		return 0, err
	}
	if e := r.with(off, int64(len(p)), func(d *download) error { return d.fill(p) }); e != nil {
		return 0, e
	}
	return len(p), err
}

// Extent tells whether there is a hole at off, and how long; of data how much to look at before it is asked again.
func (r *Reader) Extent(off int64) (n int64, data bool, err error) {
	if off < 0 || off >= r.size {
		return 0, false, fmt.Errorf("extent of %s at %d, of %d bytes: %w", r.v.path, off, r.size, io.EOF)
	}
	err = r.with(off, r.size-off, func(d *download) error {
		n, data, err = d.first()
		return err
	})
	return min(n, r.size-off), data, err
}

// with downloads a range by a connection that is free. One that failed goes on failing, for what else comes on it is not known.
func (r *Reader) with(off, n int64, do func(*download) error) error {
	s := <-r.free
	defer func() { r.free <- s }()
	err := s.begin(procDownload, r.v.args(off, n))
	if err == nil {
		err = do(&download{s, n})
	}
	if err != nil {
		s.callOff(err)
		return fmt.Errorf("download %s at %d: %w", r.v.path, off, err)
	}
	return nil
}

// A download is a range on its way to us.
type download struct {
	s    *stream
	left int64
}

// errEnd: all has come.
var errEnd = errors.New("end of a download")

// next gives the next bytes, or the length of the next hole.
func (d *download) next() (b []byte, hole int64, err error) {
	p, err := d.s.await(procDownload)
	switch {
	case err != nil:
		return nil, 0, err
	case p.kind == typeHole && len(p.payload) == 12:
		hole = int64(binary.BigEndian.Uint64(p.payload))
	case p.kind == typeStream && p.status == statusContinue && len(p.payload) > 0:
		b = p.payload
	case p.kind == typeStream && p.status == statusContinue:
		return nil, 0, errEnd
	default:
		return nil, 0, fmt.Errorf("%w: a packet of type %d and status %d in a download", ErrProtocol, p.kind, p.status)
	}
	n := max(hole, int64(len(b)))
	if n <= 0 || n > d.left {
		return nil, 0, fmt.Errorf("%w: %d bytes came of %d", ErrProtocol, n, d.left)
	}
	d.left -= n
	return b, hole, nil
}

// fill reads a range as a whole, and ends the stream.
func (d *download) fill(p []byte) error {
	for {
		b, hole, err := d.next()
		switch {
		case errors.Is(err, errEnd) && len(p) > 0:
			return fmt.Errorf("%w: %d bytes less came than there are", ErrProtocol, len(p))
		case errors.Is(err, errEnd):
			return d.s.end(procDownload, statusOK)
		case err != nil:
			return err
		}
		copy(p, b)
		clear(p[len(b):][:hole])
		p = p[len(b)+int(hole):]
	}
}

// first tells of the first packet, and calls the rest off.
func (d *download) first() (n int64, data bool, err error) {
	b, hole, err := d.next()
	if errors.Is(err, errEnd) {
		err = fmt.Errorf("%w: %d bytes less came than there are", ErrProtocol, d.left)
	}
	if err != nil {
		return 0, false, err
	}
	return max(hole, int64(len(b))), b != nil, d.s.end(procDownload, statusError)
}
