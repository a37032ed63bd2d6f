package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
)

// A recording is a disk every write to which is logged:
//
//	ext4 -- loop device -- nbdfuse -- qemu-nbd, blklogwrites --> disk, log
type recording struct {
	dir    string // empty, disk: the disk before and now; log; mnt: where it is mounted
	device string // loop
	ended  []func() error
}

// diskSize holds the farm's repositories, and is quickly copied.
const diskSize = 256 * mib

func record(t *testing.T) *recording {
	t.Helper()
	r := &recording{dir: tempDir(t, 4<<30)}
	t.Cleanup(func() { r.end() })
	for _, dir := range []string{"mnt", "fuse", "disks"} {
		check(t, os.Mkdir(r.path(dir), 0o700))
	}
	check(t, os.WriteFile(r.path("empty"), nil, 0o600))
	check(t, os.Truncate(r.path("empty"), diskSize))
	check(t, tool("mkfs.ext4", "-q", "-m", "0", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", r.path("empty")))
	check(t, copyFile(r.path("disk"), r.path("empty")))
	check(t, os.WriteFile(r.path("log"), nil, 0o600))
	r.serve(t, exec.Command("qemu-nbd", "-t", "-k", r.path("s"), "--image-opts",
		"driver=blklogwrites,file.driver=file,file.filename="+r.path("disk")+",log.driver=file,log.filename="+r.path("log")), "s")
	r.serve(t, exec.Command("nbdfuse", r.path("fuse/nbd"), "nbd+unix:///?socket="+r.path("s")), "fuse/nbd")
	r.ended = append(r.ended, func() error { return tool("fusermount3", "-u", r.path("fuse")) })
	out, err := toolOut("losetup", "-f", "--show", r.path("fuse/nbd"))
	check(t, err)
	r.device = strings.TrimSpace(out)
	r.ended = append(r.ended, func() error { return tool("losetup", "-d", r.device) })
	check(t, tool("mount", r.device, r.path("mnt")))
	r.ended = append(r.ended, func() error { return unmount(r.path("mnt")) })
	return r
}

func (r *recording) path(name string) string { return filepath.Join(r.dir, name) }

// serve starts a layer, which is there when it has made a file. It ends when the one above does, or is told to.
func (r *recording) serve(t *testing.T, cmd *exec.Cmd, file string) {
	t.Helper()
	s, err := serve(cmd)
	check(t, err)
	r.ended = append(r.ended, func() error { return s.end(syscall.SIGTERM) })
	check(t, s.ready(func() error { _, err := os.Stat(r.path(file)); return err }))
}

// end takes the layers away, the uppermost first.
func (r *recording) end() (all error) {
	for i := len(r.ended) - 1; i >= 0; i-- {
		all = errors.Join(all, r.ended[i]())
	}
	r.ended = nil
	return all
}

// mark is how long the log is: of what was done before, no write comes behind it.
func (r *recording) mark() int64 {
	info, err := os.Stat(r.path("log"))
	if err != nil {
		panic(err) // it is in memory, and nobody removes it
	}
	return info.Size()
}

// TestPowerCuts has a disk lose its power while several processes work on a repository on it: what it holds then opens
// without help, has all that was acknowledged, and can be worked with.
func TestPowerCuts(t *testing.T) {
	t.Parallel()
	const each = 100 // of a recording
	for turn, left := 0, *cuts; left > 0; turn, left = turn+1, left-each {
		t.Run(fmt.Sprint(turn), func(t *testing.T) { cutPower(t, dice(t, turn), min(left, each)) })
		if t.Failed() {
			break
		}
	}
}

func cutPower(t *testing.T, rnd *rand.Rand, n int) {
	r := record(t)
	tell(t, fmt.Sprintf("-cuts %d", *cuts), r.dir)
	f := newFarm(t, r.path("mnt"), r.path("disks"), rnd, "--no-encryption")
	f.mark = r.mark
	first := r.mark()
	check(t, f.work(6))
	check(t, r.end())
	log, err := readLog(r.path("log"))
	check(t, err)
	check(t, r.replayed(log))
	p := &player{recording: r, log: log}
	check(t, p.start())
	defer p.close()
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(2)
	chosen := chooseCuts(rnd, log, first, n)
	for _, c := range chosen {
		if ctx.Err() != nil {
			break
		}
		img, err := p.cut(c)
		check(t, err)
		g.Go(func() error {
			defer os.RemoveAll(filepath.Dir(img))
			if err := f.recover(c, img); err != nil {
				kept := r.path("failed")
				os.Rename(img, kept)
				return fmt.Errorf("power cut %v of %d log entries (%s): %w", c, len(log), kept, err)
			}
			return nil
		})
	}
	check(t, g.Wait())
	t.Logf("%d power cuts in a log of %d entries, %d points", len(chosen), len(log), len(f.points))
}

// replayed proves that the log holds every write: from the empty disk it leads to the one that was written.
func (r *recording) replayed(log []entry) error {
	p := &player{recording: r, log: log}
	if err := p.start(); err != nil {
		return err
	}
	defer p.close()
	if err := p.play(len(log)); err != nil {
		return err
	}
	return tool("cmp", r.path("durable"), r.path("disk"))
}

// A cut is where in the log the power is lost. Of the writes behind the last flush each piece of a page survives or not,
// as the dice say.
type cut struct {
	entries int // that came before
	end     int64
	seed    uint64
	torn    bool
}

// chooseCuts takes flushes and places between, in equal parts, in the order of the log.
func chooseCuts(rnd *rand.Rand, log []entry, first int64, n int) (out []cut) {
	var flushes, all []int
	for i, e := range log {
		if e.end <= first {
			continue
		}
		all = append(all, i+1)
		if e.flags&logFlush != 0 {
			flushes = append(flushes, i+1)
		}
	}
	rnd.Shuffle(len(flushes), func(i, j int) { flushes[i], flushes[j] = flushes[j], flushes[i] })
	chosen := map[int][]bool{}
	for _, at := range flushes[:min(len(flushes), n/2)] {
		chosen[at] = append(chosen[at], false)
	}
	for range n - len(chosen) {
		at := all[rnd.IntN(len(all))]
		chosen[at] = append(chosen[at], true)
	}
	for i := range log {
		for _, torn := range chosen[i+1] {
			out = append(out, cut{i + 1, log[i].end, rnd.Uint64(), torn})
		}
	}
	return out
}

// A player replays a log into the file durable, up to one flush after the other.
type player struct {
	*recording
	log  []entry
	disk *os.File // what is durable
	done int      // entries that are in it
	src  *os.File
	cuts int
}

func (p *player) start() (err error) {
	if err := copyFile(p.path("durable"), p.path("empty")); err != nil {
		return err
	}
	if p.src, err = os.Open(p.path("log")); err != nil {
		return err
	}
	p.disk, err = os.OpenFile(p.path("durable"), os.O_RDWR, 0)
	return err
}

func (p *player) close() {
	p.src.Close()
	p.disk.Close()
}

// play makes the entries before n durable.
func (p *player) play(n int) error {
	for ; p.done < n; p.done++ {
		if err := p.log[p.done].apply(p.disk, p.src, nil); err != nil {
			return err
		}
	}
	return nil
}

// cut gives a disk as a power cut leaves it. Cuts come in the order of the log.
func (p *player) cut(c cut) (img string, err error) {
	flushed := p.done
	for i := p.done; i < c.entries; i++ {
		if p.log[i].flags&logFlush != 0 {
			flushed = i + 1
		}
	}
	if err := p.play(flushed); err != nil {
		return "", err
	}
	p.cuts++
	dir := p.path(fmt.Sprint("cut", p.cuts))
	img = filepath.Join(dir, "disk")
	if err := errors.Join(os.Mkdir(dir, 0o700), copyFile(img, p.path("durable"))); err != nil {
		return "", err
	}
	f, err := os.OpenFile(img, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	survives := func() bool { return true }
	if c.torn {
		rnd := rand.New(rand.NewPCG(c.seed, 0))
		share := rnd.IntN(5) // of four
		survives = func() bool { return rnd.IntN(4) < share }
	}
	for _, e := range p.log[flushed:c.entries] {
		if err := e.apply(f, p.src, survives); err != nil {
			return "", err
		}
	}
	return img, nil
}

// recover mounts what is left of the disk, and goes on with it.
func (f *farm) recover(c cut, img string) (err error) {
	dir := filepath.Join(filepath.Dir(img), "mnt")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := tool("mount", "-o", "loop", img, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount(dir)) }()
	rnd := rand.New(rand.NewPCG(c.seed, 1))
	repo, other := filepath.Join(dir, "repo"), filepath.Join(dir, "other")
	if err := errors.Join(f.inspect(rnd, repo, c.end), f.inspectOther(rnd, other, c.end)); err != nil {
		return err
	}
	return f.goOn(repo, rnd)
}

// goOn works with a repository that came through something: what it had stays, and what is new joins it.
func (f *farm) goOn(repo string, rnd *rand.Rand) error {
	m := f.machines[rnd.IntN(len(f.machines))]
	if _, err := f.calmly("backup", "-r", repo, "--machine", m.name, "vda="+m.path); err != nil {
		return err
	}
	if f.offers["prune"] {
		if _, err := f.calmly("prune", "-r", repo, "--max-unused", "0"); err != nil {
			return err
		}
	}
	_, err := f.calmly("verify", "--read-data", "-r", repo)
	if err != nil {
		return err
	}
	all, err := f.list(repo)
	if err != nil {
		return err
	}
	var wrong error
	held, err := os.ReadFile(m.path)
	if err != nil {
		return err
	}
	last := all[len(all)-1:]
	err = f.through(rnd, repo, last, func(p listed, s sum, err error) {
		if want := sumOf(held); err != nil || s != want && p.Machine == m.name {
			wrong = fmt.Errorf("the next backup reads as %x, want %x: %w", s, want, err)
		}
	})
	return errors.Join(err, wrong)
}
