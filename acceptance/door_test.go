package acceptance

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vbfs/index"
)

// The doors of a repository: four ways to the same bytes.
type doors struct {
	r     *repository
	tree  string // where it is mounted
	nbd   string // the socket that it is served on
	repo  *index.Repository
	rnd   *rand.Rand
	spare string // a directory to restore to
}

func (d *doors) file(in *instant) string {
	return filepath.Join(d.tree, "machines", in.machine, in.name, "disks/vda.raw")
}

// all reads a point through every door.
func (d *doors) all(t *testing.T, in *instant) {
	t.Helper()
	for _, through := range []func(context.Context, *instant) error{d.mount, d.holes, d.serve, d.restore, d.image} {
		if err := through(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

// openSoon opens a file that may have come to be only now: a mount shows new points within a second.
func openSoon(name string) (f *os.File, err error) {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if f, err = os.Open(name); err == nil || !errors.Is(err, os.ErrNotExist) || time.Now().After(end) {
			return f, err
		}
	}
}

// peek reads a point at some places through the doors that stand open.
func (d *doors) peek(t *testing.T, in *instant, rnd *rand.Rand) {
	t.Helper()
	f, err := openSoon(d.file(in))
	check(t, err)
	defer f.Close()
	h := writer(t, unixURI(d.nbd, in.export()))
	defer h.Close()
	for range 4 {
		p := make([]byte, 1+rnd.IntN(300<<10))
		off := rnd.Int64N(in.disk.size - int64(len(p)))
		_, err := f.ReadAt(p, off)
		check(t, err)
		check(t, in.disk.differs(p, off))
		clear(p)
		check(t, h.Pread(p, uint64(off), nil))
		check(t, in.disk.differs(p, off))
	}
}

func (d *doors) mount(_ context.Context, in *instant) error {
	return through("mount", in, fromFile(in, d.file(in)))
}

// holes looks at what the mount calls holes.
func (d *doors) holes(_ context.Context, in *instant) error {
	f, err := openSoon(d.file(in))
	if err != nil {
		return err
	}
	defer f.Close()
	for end := int64(0); end < in.disk.size; {
		data, err := f.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			data, err = in.disk.size, nil
		}
		if err != nil {
			return through("mount", in, err)
		}
		for i := (end + unit - 1) / unit; i < data/unit; i++ {
			if in.disk.units[i] != nil {
				return through("mount", in, fmt.Errorf("the data at %d is a hole", i*unit))
			}
		}
		if data == in.disk.size {
			break
		}
		if end, err = f.Seek(data, unix.SEEK_HOLE); err != nil {
			return through("mount", in, err)
		}
	}
	return nil
}

func (d *doors) serve(ctx context.Context, in *instant) error {
	c := &comparer{want: in.disk}
	cmd := exec.CommandContext(ctx, "nbdcopy", unixURI(d.nbd, in.export()), "-")
	return through("NBD", in, into(c, cmd))
}

// restore goes to a pipe or to a file, in turns.
func (d *doors) restore(_ context.Context, in *instant) error {
	if d.rnd.IntN(2) == 0 {
		c := &comparer{want: in.disk}
		return through("restore", in, into(c, d.r.command("vbackup", "restore", "-q", in.export(), "-")))
	}
	to := filepath.Join(d.spare, "back.raw")
	defer os.Remove(to)
	if out, err := d.r.command("vbackup", "restore", "-q", in.export(), to).CombinedOutput(); err != nil {
		return through("restore", in, fmt.Errorf("%w: %s", err, out))
	}
	return through("restore", in, fromFile(in, to))
}

// into has a command print a disk, by a pipe that is large enough not to be what is measured.
func into(c *comparer, cmd *exec.Cmd) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, mib) // if that is allowed
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &said
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	_, wrong := io.CopyBuffer(c, struct{ io.Reader }{r}, make([]byte, mib))
	r.Close() // what is wrong need not be read to its end
	if err := cmd.Wait(); err != nil && wrong == nil {
		return fmt.Errorf("%q: %w: %s", cmd.Args, err, said.String())
	}
	return cmp.Or(wrong, c.end())
}

// fromFile compares a file.
func fromFile(in *instant, name string) error {
	f, err := openSoon(name)
	if err != nil {
		return err
	}
	defer f.Close()
	c := &comparer{want: in.disk}
	if _, err := io.CopyBuffer(c, struct{ io.Reader }{f}, make([]byte, mib)); err != nil {
		return err
	}
	return c.end()
}

func (d *doors) image(ctx context.Context, in *instant) error {
	if err := in.readAt(ctx, d.repo, d.rnd, 8); err != nil {
		return err
	}
	return in.whole(ctx, d.repo)
}

// whole reads all of a point by Image.ReadAt.
func (in *instant) whole(ctx context.Context, repo *index.Repository) error {
	img, err := in.open(ctx, repo)
	if err != nil {
		return err
	}
	if img.Size() != in.disk.size {
		return fmt.Errorf("%s: %d bytes of %d", in.export(), img.Size(), in.disk.size)
	}
	c := &comparer{want: in.disk}
	_, err = io.CopyBuffer(c, io.NewSectionReader(img, 0, img.Size()), make([]byte, mib+512)) // at odd offsets
	return through("Image", in, err)
}

func through(door string, in *instant, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s by %s: %w", in.export(), door, err)
}
