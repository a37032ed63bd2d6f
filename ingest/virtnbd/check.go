package virtnbd

import (
	"context"
	"fmt"
	"hash/adler32"
	"io"
	"strconv"
	"strings"
)

// noSum is what a release of virtnbdbackup wrote into the files of its sums by mistake: it says nothing.
const noSum = "{checksum}"

// sound reads all of the stream, at the first call: its sum has to be the one that was written down, if one was, and what is
// compressed has to decode. Of a stream that is neither summed nor compressed only the headers tell damage.
func (s *stream) sound(ctx context.Context) error {
	if err := s.use(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.checked {
		return s.check
	}
	err := s.readAll(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	s.checked, s.check = true, err
	return err
}

func (s *stream) readAll(ctx context.Context) error {
	if s.raw {
		return nil
	}
	want, summed, err := s.sum()
	if err != nil {
		return err
	}
	if summed {
		h := adler32.New()
		if _, err := io.Copy(h, &patient{ctx, io.NewSectionReader(s.file, 0, s.info.Size())}); err != nil {
			return err
		}
		if got := h.Sum32(); got != want {
			return fmt.Errorf("%w: its checksum is %d, and %s says %d", ErrDamaged, got, s.name+sumSuffix, want)
		}
	}
	if !s.head.compressed() {
		return nil
	}
	return s.decodeAll(ctx)
}

// sum reads the checksum that lies beside the stream: Adler-32, in decimal digits. ok is false when there is none.
func (s *stream) sum() (sum uint32, ok bool, err error) {
	b, err := readSmall(s.dir, s.name+sumSuffix, 64)
	if err != nil || b == nil {
		return 0, false, err
	}
	text := strings.TrimSpace(string(b))
	if text == noSum {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, false, fmt.Errorf("%w: %s holds no checksum", ErrDamaged, s.name+sumSuffix)
	}
	return uint32(n), true, nil
}

func (s *stream) decodeAll(ctx context.Context) error {
	p := make([]byte, 1<<20)
	for c := s.frames.all(); ; {
		f, ok := c.next()
		if !ok {
			return nil
		}
		if f.zero {
			continue
		}
		d := newDecoder(s.file, f)
		for d.at < f.n {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := d.read(p[:min(int64(len(p)), f.n-d.at)], d.at); err != nil {
				return err
			}
		}
	}
}

// A patient reader ends with its context.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (r *patient) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
