package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestSoak has writers, readers by mount and NBD, prune and forget at work at once, kills any of them now and then, and
// fills the disk under them.
func TestSoak(t *testing.T) {
	t.Parallel()
	rnd := dice(t, 0)
	f := newFarm(t, smallDisk(t), tempDir(t, 4<<30), rnd, "--no-encryption")
	tell(t, fmt.Sprintf("-soak %v", *soak), f.dir)
	k := newKiller(rnd, 1<<30)
	k.share = 8
	var full atomic.Int64
	f.run, f.excuse = k.run, func(o outcome) bool {
		if o.noSpace() {
			full.Add(1)
		}
		return wasKilled(o) || o.noSpace()
	}
	ctx, cancel := context.WithTimeout(t.Context(), *soak)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	var all []func(context.Context) error
	for _, m := range f.machines {
		all = append(all, func(ctx context.Context) error { return f.keepWriting(ctx, m) })
	}
	g.Go(func() error { return f.beside(ctx, all) })
	g.Go(func() error { return keepFilling(ctx, filepath.Dir(f.dir), dice(t, 1)) })
	readers := []*reader{
		{f: f, door: "mount", start: f.throughMount, rnd: dice(t, 2)}, {f: f, door: "NBD", start: f.throughNBD, rnd: dice(t, 3)},
	}
	for _, r := range readers {
		g.Go(func() error { return r.keepReading(ctx) })
	}
	check(t, g.Wait())
	f.run, f.excuse = patiently, noExcuse
	check(t, f.inspect(rnd, f.dir, f.mark()))
	check(t, f.makeRoom())
	check(t, f.calm())
	check(t, f.inspect(rnd, f.dir, f.mark()))
	f.tidy(t)
	for _, r := range readers {
		t.Logf("%s: %d reads, %d of points that were being forgotten failed, %d times killed", r.door, r.reads, r.refused, r.killed)
		if r.reads == 0 {
			t.Errorf("nothing was read by %s", r.door)
		}
	}
	t.Logf("%d points; killed: %v; %d times no space left", len(f.points), k.killed, full.Load())
	if full.Load() == 0 {
		t.Error("the disk was never full")
	}
}

// makeRoom forgets all points but the newest of each machine, here and in the other repository, and collects what they alone
// named, on a disk that may be full: one collection makes room for the next.
func (f *farm) makeRoom() error {
	if !f.offers["forget"] || !f.offers["prune"] {
		return nil
	}
	for _, m := range f.machines {
		there := f.alive(m.name)
		if err := f.forget(there[:max(0, len(there)-1)], m.name, "--keep-last", "1"); err != nil {
			return err
		}
	}
	copies, err := f.list(f.other)
	if err != nil {
		return err
	}
	for _, p := range copies {
		if _, err := f.calmly("forget", "-r", f.other, p.Machine, "--keep-last", "1"); err != nil {
			return err
		}
	}
	return errors.Join(f.pruneToTheEnd(f.other), f.pruneToTheEnd(f.dir))
}

func (f *farm) pruneToTheEnd(repo string) error {
	for range 20 {
		o, err := f.calmly("prune", "-r", repo, "--max-unused", "0")
		if err != nil || !strings.Contains(o.err, "run prune again") {
			return err
		}
	}
	return fmt.Errorf("prune of %s makes no room", repo)
}

// smallDisk is a file system that runs full. Where nothing is ever given back it has to last longer.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := tempDir(t, 8<<30)
	size := int64(192 * mib)
	if !offered(t)["prune"] {
		size = 2048 * mib
	}
	img, mnt := filepath.Join(dir, "disk"), filepath.Join(dir, "mnt")
	check(t, os.Mkdir(mnt, 0o700))
	check(t, os.WriteFile(img, nil, 0o600))
	check(t, os.Truncate(img, size))
	check(t, tool("mkfs.ext4", "-q", "-m", "0", img))
	check(t, tool("mount", "-o", "loop", img, mnt))
	t.Cleanup(func() { check(t, unmount(mnt)) })
	return mnt
}

func (f *farm) keepWriting(ctx context.Context, m *machine) error {
	for ctx.Err() == nil {
		if err := f.turn(m); err != nil {
			return err
		}
	}
	return nil
}

// keepFilling leaves next to nothing free, for a moment every now and then.
func keepFilling(ctx context.Context, dir string, rnd *rand.Rand) error {
	wait := func(most time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rnd.Int64N(int64(most)))):
		}
	}
	for ctx.Err() == nil {
		wait(2 * time.Second)
		if err := fill(filepath.Join(dir, "ballast"), rnd.Int64N(mib)); err != nil {
			return err
		}
		wait(time.Second)
		if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
			return err
		}
	}
	return nil
}

// fill makes a file that leaves so many bytes free, or less where others write meanwhile.
func fill(name string, room int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil {
		return err
	}
	for off, left := int64(0), int64(st.Bavail)*st.Bsize-room; left >= 4096; {
		err := syscall.Fallocate(int(f.Fd()), 0, off, left)
		if errors.Is(err, syscall.ENOSPC) {
			left /= 2
			continue
		}
		if err != nil {
			return err
		}
		off += left
	}
	return nil
}

// A reader compares what a mount or a server gives with what disks held.
type reader struct {
	f                      *farm
	door                   string
	start                  func(repo string) (*opened, error)
	rnd                    *rand.Rand
	reads, refused, killed int
}

// keepReading reads until the time is over. What serves is killed now and then, and begins anew.
func (r *reader) keepReading(ctx context.Context) error {
	for ctx.Err() == nil {
		o, err := r.start(r.f.dir)
		if err != nil {
			return err
		}
		err = r.readFrom(ctx, o, time.Now().Add(time.Duration(r.rnd.Int64N(int64(3*time.Second)))))
		if err := errors.Join(err, o.end()); err != nil {
			return err
		}
	}
	return nil
}

// readFrom reads random pieces of random points, until the program is killed at an instant.
func (r *reader) readFrom(ctx context.Context, o *opened, until time.Time) error {
	for ctx.Err() == nil {
		p := r.point()
		if p == nil {
			continue
		}
		err := r.readOne(o, p)
		if time.Now().After(until) {
			r.killed++
			o.kill()
			return nil
		}
		switch {
		case err == nil:
			r.reads++
		case r.f.isCondemned(p) && !errors.Is(err, errWrong):
			r.refused++
		default:
			o.kill()
			<-o.s.ended
			return fmt.Errorf("%s@%s (%s) by %s: %w: %s", p.machine, p.name, p.id, r.door, err, o.s.said.String())
		}
	}
	return nil
}

// point chooses a point that is old enough to be seen: mounts list anew once a second.
func (r *reader) point() *point {
	all := r.f.alive("")
	seen := r.f.mark() - int64(2*time.Second)
	all = slices.DeleteFunc(all, func(p *point) bool { return p.acked > seen })
	if len(all) == 0 {
		time.Sleep(10 * time.Millisecond)
		return nil
	}
	return all[r.rnd.IntN(len(all))]
}

func (f *farm) isCondemned(p *point) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return p.condemned != never
}

var errWrong = errors.New("WRONG BYTES")

// readOne opens a point's disk, and reads at random places.
func (r *reader) readOne(o *opened, p *point) error {
	file, err := o.open(listed{Machine: p.machine, Name: p.name, ID: p.id})
	if err != nil {
		return err
	}
	defer file.Close()
	pieces := r.f.piecesOf(p)
	for range 8 {
		if err := r.compare(file.(io.ReaderAt), pieces); err != nil {
			return err
		}
	}
	return nil
}

// compare reads from any byte to any other, and compares the whole pieces between.
func (r *reader) compare(file io.ReaderAt, pieces []uint64) error {
	n := len(pieces) - 1 // the last is short
	first := r.rnd.IntN(n)
	count := 1 + r.rnd.IntN(min(n-first, 20))
	lead := r.rnd.IntN(min(first*pieceSize, pieceSize) + 1)
	buf := make([]byte, lead+count*pieceSize+r.rnd.IntN(512))
	if _, err := file.ReadAt(buf[:min(len(buf), lead+(n-first)*pieceSize)], int64(first*pieceSize-lead)); err != nil {
		return err
	}
	if got := piecesOf(buf[lead : lead+count*pieceSize]); !slices.Equal(got, pieces[first:first+count]) {
		return fmt.Errorf("%w in %d bytes at %d", errWrong, count*pieceSize, first*pieceSize)
	}
	return nil
}

func (f *farm) piecesOf(p *point) []uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.machines {
		if m.name == p.machine {
			return m.tried[p.sum]
		}
	}
	return nil
}
