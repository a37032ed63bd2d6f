package virtnbd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vbfs/index"
	"vbfs/index/indextest"
	"vbfs/ingest"
	"vbfs/testdata/lab"
)

// A peer is virtnbdbackup, with a domain of its own. What each run had to find is kept.
type peer struct {
	t       *testing.T
	vm      *lab.Domain
	rng     *rand.Rand
	targets []string           // disks that it backs up
	truths  map[string][]truth // by set
}

// A truth is what the disks held when virtnbdbackup ran.
type truth struct {
	level string
	at    time.Time
	disks map[string][]byte
}

func newPeer(t *testing.T, disks ...lab.Disk) *peer {
	t.Helper()
	h := lab.Start(t)
	return &peer{t, h.Domain(lab.Spec{Disks: disks}), rand.New(rand.NewPCG(4, 2)), []string{"vda", "vdb"}, map[string][]truth{}}
}

// set is the directory of a set.
func (p *peer) set(name string) string { return filepath.Join(p.vm.Host.Dir, name) }

// backup runs virtnbdbackup, which has to succeed.
func (p *peer) backup(set, level string, args ...string) {
	p.t.Helper()
	targets := p.targets
	if len(args) > 1 && args[0] == "-i" {
		targets = args[1:2]
	}
	now := truth{level, time.Now(), map[string][]byte{}}
	for _, target := range targets {
		now.disks[target] = p.vm.Content(target)
	}
	if out, err := p.try(set, level, args...); err != nil {
		p.t.Fatalf("virtnbdbackup -l %s %q: %v\n%s", level, args, err, out)
	}
	p.truths[set] = append(p.truths[set], now)
}

func (p *peer) try(set, level string, args ...string) (string, error) {
	h := p.vm.Host
	all := append([]string{"-U", h.URI(), "-d", p.vm.Name, "-l", level, "-o", p.set(set), "-S", filepath.Join(h.Dir, "scratch"),
		"-f", filepath.Join(h.Dir, "nbd"), "-n"}, args...)
	return p.run("virtnbdbackup", all...)
}

// runTime bounds a run of a tool.
const runTime = 3 * time.Minute

// run runs a tool, which leaves its logs in the lab.
func (p *peer) run(name string, args ...string) (string, error) {
	var said bytes.Buffer
	cmd := p.vm.Host.Command(name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "TMPDIR="+p.vm.Host.Dir), &said, &said
	if err := cmd.Start(); err != nil {
		return "", err
	}
	late := time.AfterFunc(runTime, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	if !late.Stop() {
		err = fmt.Errorf("not done within %v: %w", runTime, err)
	}
	return said.String(), err
}

// scribble writes, zeroes and discards at random.
func (p *peer) scribble(target string, size int64, n int) {
	p.t.Helper()
	for range n {
		off := p.rng.Int64N(size/512) * 512
		n := min(size-off, (p.rng.Int64N(400)+1)*512)
		switch p.rng.IntN(4) {
		case 0:
			p.vm.Zero(target, off, n)
		case 1:
			p.vm.Discard(target, off, n)
		default:
			p.vm.Write(target, byte(1+p.rng.IntN(255)), off, n)
		}
	}
}

const mib = 1 << 20

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	clear(b[n/4 : n/2])
	return b
}

// TestRealSets reads what virtnbdbackup wrote, and finds what the disks held; so does virtnbdrestore, where it is asked.
func TestRealSets(t *testing.T) {
	t.Parallel()
	p := newPeer(t, lab.Disk{Target: "vda", Content: noise(1, 8*mib)}, lab.Disk{Target: "vdb", Content: noise(2, 4*mib)})
	change := func() { p.scribble("vda", 8*mib, 6); p.scribble("vdb", 4*mib, 3) }
	p.backup("plain", "full")
	change()
	p.backup("plain", "inc")
	change()
	p.backup("plain", "diff")
	change()
	p.backup("plain", "diff")
	p.backup("plain", "inc", "-i", "vda")
	p.vm.Virsh("blockresize", "vda", "12M")
	p.vm.Write("vda", 0x77, 11*mib, 64<<10)
	p.backup("plain", "inc", "-i", "vda")
	p.backup("copy", "copy", "-z", "1")
	p.backup("packed", "full", "-z")
	change()
	p.backup("packed", "inc", "-z")
	p.restored("packed")
	p.same()
}

// TestRealTrouble is what breaks virtnbdbackup's chains: a disk that is added, and a machine that is shut off.
func TestRealTrouble(t *testing.T) {
	t.Parallel()
	p := newPeer(t, lab.Disk{Target: "vda", Content: noise(1, 2*mib)}, lab.Disk{Target: "vdb", Content: noise(2, 2*mib), Format: "raw"})
	p.targets = []string{"vda"}
	p.backup("before", "full")
	h := p.vm.Host
	disk := filepath.Join(h.Dir, "images", "vdc.qcow2")
	if out, err := h.Command("qemu-img", "create", "-q", "-f", "qcow2", disk, "2M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.vm.Virsh("attach-disk", disk, "vdc", "--driver", "qemu", "--subdriver", "qcow2", "--persistent")
	p.vm.Write("vdc", 0x55, mib, 100_000)
	if out, err := p.try("before", "inc"); err == nil {
		t.Logf("virtnbdbackup takes an increment of a disk that was added: %s", out)
	}
	p.targets = []string{"vda", "vdb", "vdc"}
	p.backup("after", "full", "-r")
	p.targets = []string{"vda", "vdc"}
	p.vm.Write("vdc", 0x66, mib+50_000, 100_000)
	p.vm.Virsh("destroy")
	p.backup("after", "inc") // of a machine that is off: it makes no checkpoint
	p.vm.Start()
	p.vm.Write("vda", 0x11, 0, 70_000)
	p.backup("after", "inc")
	p.same()
}

// restored has virtnbdrestore restore the newest state of a set.
func (p *peer) restored(set string) {
	p.t.Helper()
	h := p.vm.Host
	out := filepath.Join(h.Dir, "restored")
	text, err := p.run("virtnbdrestore", "-U", h.URI(), "-i", p.set(set), "-o", out, "-n", "-L", filepath.Join(h.Dir, "restore.log"), "-f", filepath.Join(h.Dir, "nbd"))
	if err != nil {
		p.t.Fatalf("virtnbdrestore: %v: %s", err, text)
	}
	truths := p.truths[set]
	for target, want := range truths[len(truths)-1].disks {
		raw := filepath.Join(h.Dir, "restored.raw")
		image := filepath.Join(out, p.vm.Name+"-"+target+".qcow2")
		if text, err := p.run("qemu-img", "convert", "-O", "raw", image, raw); err != nil {
			p.t.Fatalf("%v: %s", err, text)
		}
		if got, err := os.ReadFile(raw); err != nil || !bytes.Equal(got, want) {
			p.t.Errorf("virtnbdrestore restores another %s: %v", target, err)
		}
	}
}

// same compares all sets with the truth: as read, and as imported.
func (p *peer) same() {
	p.t.Helper()
	repo := indextest.Plain(p.t)
	for set, truths := range p.truths {
		s := openSet(p.t, p.set(set))
		p.sameSet(s, truths)
		p.imported(repo, s, truths)
	}
}

// imported imports a set, each point upon the one that it counts from, and compares the points with the truth.
func (p *peer) imported(repo *index.Repository, s *Set, truths []truth) {
	t := p.t
	t.Helper()
	machine := filepath.Base(s.Dir)
	for i, point := range s.Points {
		m, err := ingest.Run(t.Context(), repo, ingest.Options{Machine: machine, Level: point.Level, Tags: point.Tags(), Source: point})
		if err == nil {
			m, err = repo.Point(t.Context(), m)
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Done != truths[i].level {
			t.Errorf("%s: point %d is a %s", machine, i, m.Done)
		}
		for target, want := range truths[i].disks {
			im, err := repo.Image(m, target)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, im.Size())
			if _, err := im.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: imported point %d: %s is not what it was: %v", machine, i, target, err)
			}
			before, _ := m.Disk(target)
			grown := i > 0 && point.parent != nil && point.parent.streams[target].size() != point.streams[target].size()
			if (before.Fallback != "") != grown {
				t.Errorf("%s: point %d: %s: %q", machine, i, target, before.Fallback)
			}
		}
	}
}

func (p *peer) sameSet(s *Set, truths []truth) {
	p.t.Helper()
	if len(s.Points) != len(truths) {
		p.t.Fatalf("%s: %d points of %d runs", s.Dir, len(s.Points), len(truths))
	}
	for i, want := range truths {
		got := s.Points[i]
		if got.Level != want.level || got.Time.Before(want.at.Truncate(time.Second)) || got.Time.After(want.at.Add(time.Minute)) {
			p.t.Errorf("%s: point %d is a %s of %v, not a %s of %v", s.Dir, i, got.Level, got.Time, want.level, want.at)
		}
		if !slices.Equal(got.disks(), slices.Sorted(maps.Keys(want.disks))) {
			p.t.Errorf("%s: point %d has the disks %q", s.Dir, i, got.disks())
		}
		for target, content := range want.disks {
			if !bytes.Equal(readPoint(p.t, got, target), content) {
				p.t.Errorf("%s: point %d: %s is not what it was", s.Dir, i, target)
			}
		}
	}
}

// readPoint reads a disk of a point by its extents, and at random.
func readPoint(t *testing.T, p *Point, target string) []byte {
	t.Helper()
	d := p.disk(target, false)
	src, err := d.Open(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	out := bytes.Repeat([]byte{0xee}, int(src.Size()))
	for e, err := range src.Extents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		part := out[e.Off:][:e.Len]
		if e.Zero {
			clear(part)
		} else if _, err := src.ReadAt(part, e.Off); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		off := rng.Int64N(src.Size())
		part := bytes.Repeat([]byte{0xee}, int(rng.Int64N(300_000)))
		n, err := src.ReadAt(part, off)
		if err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(part[:n], out[off:][:n]) {
			t.Fatalf("read of %d bytes at %d: %d, %v", len(part), off, n, err)
		}
	}
	return out
}
