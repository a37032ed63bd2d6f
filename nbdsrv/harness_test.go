package nbdsrv_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vbfs/nbdsrv"
)

// catalog is a Catalog of fixed exports that counts what is opened and closed.
type catalog struct {
	exports    map[string]nbdsrv.Export
	opened     atomic.Int64
	closed     atomic.Int64
	prefetched atomic.Int64
}

func (c *catalog) Open(_ context.Context, name string) (nbdsrv.Export, error) {
	e, ok := c.exports[name]
	if !ok {
		return nil, fmt.Errorf("%q: %w", name, nbdsrv.ErrUnknownExport)
	}
	c.opened.Add(1)
	return &counted{e, c}, nil
}

func (c *catalog) Names(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(c.exports)) {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// counted tells its catalog what becomes of it.
type counted struct {
	nbdsrv.Export
	c *catalog
}

func (e *counted) Close() error          { e.c.closed.Add(1); return nil }
func (e *counted) Prefetch(off, n int64) { e.c.prefetched.Add(n) }
func (e *counted) Description() string   { return "a disk" }

func one(e nbdsrv.Export) *catalog {
	return &catalog{exports: map[string]nbdsrv.Export{"": e}}
}

// serve serves cat on a private socket until the test ends, and then checks that nothing is left open.
func serve(t testing.TB, cat nbdsrv.Catalog, opts nbdsrv.Options) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "v")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- nbdsrv.New(cat, opts).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("serve does not return")
		}
		if c, ok := cat.(*catalog); ok && c.opened.Load() != c.closed.Load() {
			t.Errorf("%d exports opened, %d closed", c.opened.Load(), c.closed.Load())
		}
		os.RemoveAll(dir)
	})
	return socket
}

// uri is the NBD URI of an export on a socket.
func uri(socket, name string) string { return "nbd+unix:///" + name + "?socket=" + socket }

// run runs a foreign client and gives what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, stderr.String())
	}
	return string(out)
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not within 5 s: %s", what)
}

// failing is an export of which everything from an offset on cannot be read, or not even mapped.
type failing struct {
	nbdsrv.Export
	badRead, badMap int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.badRead {
		return 0, fmt.Errorf("block at %d is damaged", f.badRead)
	}
	return f.Export.ReadAt(p, off)
}

func (f failing) Extent(off int64) (int64, bool, error) {
	if off >= f.badMap {
		return 0, false, fmt.Errorf("map at %d is damaged", off)
	}
	n, data, err := f.Export.Extent(off)
	return min(n, f.badMap-off), data, err
}
