package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"vbfs/index/block"
	vms "vbfs/testdata/lab"
)

// A twins is two domains with disks that are equal byte for byte: a peer that finds other checkpoints than its own stops, so
// each program has one for itself. Their machines stand still: what their disks hold is for us to say.
type twins struct {
	l    *lab
	host *vms.Host
	end  cleanups

	ours, theirs *vms.Domain
	rng          *rand.Rand
}

const (
	ourTwin   = "ours"
	theirTwin = "theirs"
	vda       = "vda"
)

// cleanups is what a host of virtual machines takes for a test: it fails by a panic, which caught makes an error.
type cleanups []func()

func (c *cleanups) Helper()          {}
func (c *cleanups) Cleanup(f func()) { *c = append(*c, f) }
func (c *cleanups) Fatalf(format string, args ...any) {
	panic(troubleOfTwins{fmt.Errorf(format, args...)})
}

type troubleOfTwins struct{ error }

// caught gives the trouble of twins that do panics with.
func caught(do func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case troubleOfTwins:
			err = r.error
		default:
			panic(r)
		}
	}()
	do()
	return nil
}

// twins starts both on copies of the image.
func (l *lab) twins(ctx context.Context) (t *twins, err error) {
	t = &twins{l: l, rng: rand.New(rand.NewPCG(7, 1))}
	err = caught(func() {
		t.host = vms.Start(&t.end)
		t.ours, t.theirs = t.start(ctx, ourTwin), t.start(ctx, theirTwin)
	})
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *twins) start(ctx context.Context, name string) *vms.Domain {
	image := t.l.path(name)
	if err := finish(command(ctx, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", t.l.disk.path, image)); err != nil {
		t.end.Fatalf("%v", err)
	}
	return t.host.Domain(vms.Spec{Name: name, Disks: []vms.Disk{{Target: vda, Path: image, Size: t.l.disk.size}}})
}

func (t *twins) close() error {
	return caught(func() {
		for i := len(t.end) - 1; i >= 0; i-- {
			t.end[i]()
		}
	})
}

// run is one of change's runs, in blocks.
const runBlocks = 16

// change rewrites so many MiB of both disks alike, in runs of 1 MiB: as compressible as what was there, and new.
func (t *twins) change(mib int) error {
	f, err := os.Open(t.l.disk.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return caught(func() {
		for range mib {
			p := make([]byte, runBlocks*block.Size)
			for i := range runBlocks {
				if err := turned(f, t.l.disk.data[t.rng.IntN(len(t.l.disk.data))], t.rng, p[i*block.Size:(i+1)*block.Size]); err != nil {
					t.end.Fatalf("%v", err)
				}
			}
			off := t.rng.Int64N(t.l.disk.size/int64(len(p))) * int64(len(p))
			t.ours.WriteAt(vda, p, off)
			t.theirs.WriteAt(vda, p, off)
		}
	})
}

// capture is our backup of our twin, in seconds.
func (t *twins) capture(ctx context.Context, repo, level string) (float64, error) {
	return timed(t.l.ours(ctx, "vbackup", repo, "backup", "libvirt:"+ourTwin, "--connect", t.host.URI(), "--level", level))
}

// theirBackup is virtnbdbackup's of their twin, in seconds.
func (t *twins) theirBackup(ctx context.Context, set, level string, args ...string) (float64, error) {
	all := append([]string{"-d", theirTwin, "-l", level, "-n", "-o", set}, args...)
	return timed(t.host.Command("virtnbdbackup", all...))
}

// ourFull captures into a repository of its own each time.
func (t *twins) ourFull(compression string) measure {
	return func(ctx context.Context) (float64, error) {
		repo, err := t.l.initRepo(ctx, compression)
		defer os.RemoveAll(repo)
		if err != nil {
			return 0, err
		}
		took, err := t.capture(ctx, repo, "full")
		return took, errors.Join(err, t.forgetOurs(ctx))
	}
}

// forgetOurs removes what repositories that are gone have left to track changes by.
func (t *twins) forgetOurs(ctx context.Context) error {
	return caught(func() {
		for _, name := range lineList(t.ours.Virsh("checkpoint-list", "--name")) {
			t.ours.Virsh("checkpoint-delete", name)
		}
	})
}

// theirFull has virtnbdbackup begin a new set.
func (t *twins) theirFull(args ...string) measure {
	return func(ctx context.Context) (float64, error) {
		set := t.l.path("set")
		defer os.RemoveAll(set)
		return t.theirBackup(ctx, set, "full", args...)
	}
}

// A lineage is a full and increments, as both programs keep them.
type lineage struct {
	*twins
	repo, set string
}

// lineage takes a full and so many increments of 100 MiB each; theirs compressed, if packed.
func (l *lab) lineage(ctx context.Context, increments int, packed bool) (c *lineage, err error) {
	t, err := l.twins(ctx)
	if err != nil {
		return nil, err
	}
	c = &lineage{twins: t, set: l.path("set")}
	if c.repo, err = l.initRepo(ctx, "zstd"); err != nil {
		return c, err
	}
	var args []string
	if packed {
		args = []string{"-z"}
	}
	for i := range 1 + increments {
		level := "inc"
		if i == 0 {
			level = "full"
		} else if err := t.change(changeMiB); err != nil {
			return c, err
		}
		if _, err := t.capture(ctx, c.repo, level); err != nil {
			return c, err
		}
		if _, err := t.theirBackup(ctx, c.set, level, args...); err != nil {
			return c, err
		}
	}
	return c, nil
}

// changeMiB is what changes between two points of a lineage.
const changeMiB = 100

// restored is how long our restore of the newest point takes.
func (c *lineage) restored(ctx context.Context) (float64, error) {
	out := c.l.path("restored") + ".qcow2"
	defer os.Remove(out)
	return timed(c.l.ours(ctx, "vbackup", c.repo, "restore", ourTwin, out))
}

// theirRestored is how long virtnbdrestore takes for the same.
func (c *lineage) theirRestored(ctx context.Context) (float64, error) {
	out := c.l.path("restored")
	defer os.RemoveAll(out)
	if err := os.Mkdir(out, 0o755); err != nil {
		return 0, err
	}
	log := filepath.Join(c.l.scratch, "virtnbdrestore.log")
	return timed(c.host.Command("virtnbdrestore", "-a", "restore", "-n", "-L", log, "-i", c.set, "-o", out))
}

func (c *lineage) sizes() (ours, theirs measure) {
	of := func(dir string) measure {
		return func(context.Context) (float64, error) {
			n, err := treeSize(dir)
			return float64(n) / (1 << 20), err
		}
	}
	return of(c.repo), of(c.set)
}

func (c *lineage) close() error {
	return errors.Join(c.twins.close(), os.RemoveAll(c.repo), os.RemoveAll(c.set))
}

func lineList(text string) (out []string) {
	lines([]byte(text), func(l string) { out = append(out, l) })
	return out
}
