package vsphere

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/object"
)

// A File is one of a datastore, which is read in ranges over HTTPS. Goroutines may share it.
type File struct {
	c    *Conn
	name string // [datastore] folder/name

	mu   sync.Mutex // of what follows
	ways []*way     // the first one is used; one that fails is dropped while there is another
}

// OpenFile finds the ways to a file of a machine: from the machine's own host, which alone may read what it has locked, with tickets
// that the server gives; else from the server.
func (c *Conn) OpenFile(ctx context.Context, m *Machine, name string) (*File, error) {
	var p object.DatastorePath
	if !p.FromString(name) || p.Path == "" {
		return nil, fmt.Errorf("%w: %q is no path of a datastore", ErrFile, name)
	}
	f := &File{c: c, name: name}
	if c.VCenter() && m.Host != nil {
		host, err := c.hostWay(ctx, *m.Host, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if !c.dead.has(host.url.Host) {
			f.ways = append(f.ways, host)
		}
	}
	server, err := c.serverWay(ctx, m, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.ways = append(f.ways, server)
	return f, nil
}

// Name is [datastore] folder/name.
func (f *File) Name() string { return f.name }

// Way tells where the file is read from: a host's name or address.
func (f *File) Way() string { return f.first().url.Host }

func (f *File) first() *way {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ways[0]
}

// drop forgets a way that fails, if there is another.
func (f *File) drop(w *way) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ways) > 1 && f.ways[0] == w {
		f.ways = f.ways[1:]
		return true
	}
	return f.ways[0] != w
}

// Read reads all of p at an offset, and gives the file's size.
func (f *File) Read(ctx context.Context, p []byte, off int64) (size int64, err error) {
	if len(p) == 0 {
		return 0, fmt.Errorf("%s: %w: nothing is asked for", f.name, ErrFile)
	}
	err = f.try(ctx, span{off, int64(len(p))}, func(res *http.Response) error {
		if size, err = ranged(res, off, int64(len(p))); err != nil {
			return err
		}
		_, err := io.ReadFull(res.Body, p)
		return err
	})
	return size, err
}

// All reads a small file, of limit bytes at most.
func (f *File) All(ctx context.Context, limit int64) (all []byte, err error) {
	err = f.try(ctx, span{0, limit}, func(res *http.Response) error {
		size := res.ContentLength
		if res.StatusCode == http.StatusPartialContent {
			if size, err = ranged(res, 0, 0); err != nil {
				return err
			}
		}
		if size < 0 || size > limit {
			return fmt.Errorf("%w: it has %d bytes, more than %d", ErrFile, size, limit)
		}
		all = make([]byte, size)
		_, err := io.ReadFull(res.Body, all)
		return err
	})
	return all, err
}

// ranged checks that an answer is the range that was asked for, and gives the file's size. n of 0 is: as much as there is.
func ranged(res *http.Response, off, n int64) (size int64, err error) {
	if res.StatusCode != http.StatusPartialContent {
		return 0, fmt.Errorf("%w: %s, where a range was asked for", ErrFile, res.Status)
	}
	text := res.Header.Get("Content-Range")
	bytes, total, ok := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
	from, to, ok2 := strings.Cut(bytes, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	size, err3 := strconv.ParseInt(total, 10, 64)
	if n == 0 {
		n = size - off
	}
	if !ok || !ok2 || errors.Join(err1, err2, err3) != nil || first != off || last != off+n-1 || last >= size {
		return 0, fmt.Errorf("%w: it answers with range %q where %d bytes at %d were asked for", ErrFile, text, n, off)
	}
	return size, nil
}

// A span is what is asked for of a file: bytes.
type span struct{ off, n int64 }

// How often a range is asked for on one way, and how long it is waited in between: hosts that are asked for too much at once answer
// 503 and cut connections, for seconds.
const (
	fileTries  = 8
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// fileTime bounds one request: a datastore that sleeps, or a host that is busy, takes long.
const fileTime = 2 * time.Minute

// try asks for a range until take has it, on one way after the other.
func (f *File) try(ctx context.Context, s span, take func(*http.Response) error) error {
	for {
		w := f.first()
		err := f.insist(ctx, w, s, take)
		if err == nil {
			return nil
		}
		if w.ticket && ctx.Err() == nil {
			f.c.dead.note(w.url.Host, err)
		}
		if ctx.Err() != nil || !f.drop(w) {
			return fmt.Errorf("read %s from %s: %w", f.name, w.url.Host, err)
		}
	}
}

// insist asks on one way, again after errors that pass.
func (f *File) insist(ctx context.Context, w *way, s span, take func(*http.Response) error) (err error) {
	pause := firstPause
	for range fileTries {
		if err = f.once(ctx, w, s, take); err == nil || !w.again(err) {
			return err
		}
		if stop := sleep(ctx, pause); stop != nil {
			return errors.Join(stop, err)
		}
		pause = min(2*pause, lastPause)
	}
	return err
}

func (f *File) once(ctx context.Context, w *way, s span, take func(*http.Response) error) error {
	select {
	case f.c.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-f.c.slots }()
	ctx, cancel := context.WithTimeoutCause(ctx, fileTime, errSlow)
	defer cancel()
	res, err := f.ask(ctx, w, s)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return take(res)
}

var errSlow = fmt.Errorf("%w: more than %v", ErrTimeout, fileTime)

func (f *File) ask(ctx context.Context, w *way, s span) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", s.off, s.off+s.n-1))
	return w.do(ctx, f.c, req)
}
