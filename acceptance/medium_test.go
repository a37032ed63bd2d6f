package acceptance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"vbfs/ingest"
	"vbfs/ingest/file"
	"vbfs/ingest/nbd"
	"vbfs/libnbd"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// A medium is where a guest's disk lies.
type medium interface {
	write(p []byte, off int64) error
	zero(off, n int64) error
	discard(off, n int64) error
	read(p []byte, off int64) error
	resize(t *testing.T, size int64)
	granule() int64 // of its size

	// ways are how it can be captured at this instant; kept tells the way by changes whether there is a point of it now.
	ways(t *testing.T) (byFile, byChanges *way)
	kept(t *testing.T, point bool)
}

// A way is how a disk is captured: by the engine with the disk, by the program with the arguments.
type way struct {
	disk ingest.Disk
	args []string
}

func fileWay(path, format string) *way {
	return &way{
		ingest.Disk{Name: "vda", Format: format, Open: func(ctx context.Context, _ bool) (ingest.Source, error) {
			return file.Open(ctx, path, file.Options{Format: format})
		}},
		[]string{"--format", format, "vda=" + path},
	}
}

func bitmapWay(uri, bitmap string) *way {
	return &way{
		ingest.Disk{Name: "vda", Format: "nbd", Tracking: bitmap, Changes: true, Open: func(ctx context.Context, changes bool) (ingest.Source, error) {
			o := nbd.Options{}
			if changes {
				o.Bitmaps = []string{bitmap}
			}
			return nbd.Open(ctx, uri, o)
		}},
		[]string{"--bitmap", bitmap, "vda=" + uri},
	}
}

// A live medium is an image that QEMU has open, with a bitmap of what changed since the last point.
type live struct {
	*qemu
	io     *libnbd.Libnbd
	number int    // of the bitmap at work
	frozen string // the bitmap that is exported; "" for none
}

func newLive(t *testing.T, format string, size int64) *live {
	l := &live{qemu: startQEMU(t, format, size)}
	l.io = writer(t, l.export(t, "w", ""))
	l.track(t, l.bitmap())
	t.Cleanup(func() { l.io.Close() })
	return l
}

func (l *live) bitmap() string { return fmt.Sprintf("b%d", l.number) }

func (l *live) write(p []byte, off int64) error { return l.io.Pwrite(p, uint64(off), nil) }
func (l *live) zero(off, n int64) error         { return l.io.Zero(uint64(n), uint64(off), nil) }
func (l *live) discard(off, n int64) error      { return l.io.Trim(uint64(n), uint64(off), nil) }
func (l *live) read(p []byte, off int64) error  { return l.io.Pread(p, uint64(off), nil) }
func (l *live) granule() int64                  { return 512 }

// resize ends the writer's export for a while: QEMU does not resize what is exported.
func (l *live) resize(t *testing.T, size int64) {
	l.io.Close()
	l.unexport(t, "w")
	l.do(t, "block_resize", arguments{"node-name": "disk", "size": size})
	l.io = writer(t, l.export(t, "w", ""))
}

// ways freezes the bitmap and begins the next one. What is written stays, so that a reader of the file sees it too.
func (l *live) ways(t *testing.T) (byFile, byChanges *way) {
	t.Helper()
	check(t, l.io.Flush(nil))
	l.frozen = l.bitmap()
	l.number++
	l.track(t, l.bitmap())
	l.freeze(t, l.frozen)
	return fileWay(l.path, l.format), bitmapWay(l.export(t, l.frozen, l.frozen), l.frozen)
}

// kept lets the frozen bitmap go when there is a point; else the next capture has to see its changes too.
func (l *live) kept(t *testing.T, point bool) {
	t.Helper()
	l.unexport(t, l.frozen)
	if !point {
		l.merge(t, l.frozen, l.bitmap())
	}
	l.forget(t, l.frozen)
}

// A plain medium is a raw file that nobody has open. Its size is any number of bytes.
type plain struct{ *os.File }

func newPlain(t *testing.T, size int64) plain {
	f, err := os.Create(filepath.Join(t.TempDir(), "plain.raw"))
	check(t, err)
	t.Cleanup(func() { f.Close() })
	check(t, f.Truncate(size))
	return plain{f}
}

func (p plain) write(b []byte, off int64) error { _, err := p.WriteAt(b, off); return err }
func (p plain) read(b []byte, off int64) error  { _, err := p.ReadAt(b, off); return err }
func (p plain) granule() int64                  { return 1 }
func (p plain) resize(t *testing.T, size int64) { check(t, p.Truncate(size)) }

// zero writes zeros: they are not a hole.
func (p plain) zero(off, n int64) error {
	var all error
	pieces(off, n, func(i, from, to int64) {
		_, err := p.WriteAt(zeros[from:to], i*unit+from)
		all = errors.Join(all, err)
	})
	return all
}

func (p plain) discard(off, n int64) error {
	return unix.Fallocate(int(p.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

func (p plain) ways(*testing.T) (byFile, byChanges *way) { return fileWay(p.Name(), "raw"), nil }
func (p plain) kept(*testing.T, bool)                    {}
