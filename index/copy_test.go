package index_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object/objecttest"
)

// copyAll copies all points that are listed, in order, and gives what each came to.
func (b *bench) copyAll(to *bench) (out []*index.Copied) {
	b.t.Helper()
	points, err := b.repo.Points(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	c := index.NewCopier(b.repo, to.repo, nil)
	for _, p := range points {
		got, err := c.Copy(b.t.Context(), p)
		if err != nil {
			b.t.Fatalf("%s@%s: %v", p.MachineName, p.Name, err)
		}
		if len(got.Warnings) > 0 {
			b.t.Errorf("%s@%s: %q", p.MachineName, p.Name, got.Warnings)
		}
		out = append(out, got)
	}
	return out
}

// A life is the history of a machine of one disk that changes, grows and shrinks.
type life struct {
	b      *bench
	rnd    *rand.Rand
	name   string
	disk   []byte
	parent *index.Image
	states map[string][]byte // by the points' names
}

func (b *bench) life(name string, seed uint64) *life {
	l := &life{b: b, rnd: seeded(seed), name: name, disk: make([]byte, 17<<20+int(seed)*512), states: map[string][]byte{}}
	churn(l.rnd, l.disk[:8<<20], 40)
	return l
}

// point captures the disk, by changes when its size stayed.
func (l *life) point() *format.Manifest {
	l.b.t.Helper()
	var changed map[int64]bool
	switch l.rnd.IntN(4) {
	case 0:
		l.disk = append(l.disk, make([]byte, 1+l.rnd.IntN(9<<20))...)
		churn(l.rnd, l.disk[len(l.disk)-1<<16:], 1)
		l.parent = nil
	case 1:
		l.disk = slices.Clone(l.disk[:len(l.disk)-l.rnd.IntN(2<<20)])
		l.parent = nil
	}
	if now := churn(l.rnd, l.disk, 12); l.parent != nil {
		changed = now
	}
	m := l.b.put(l.name, l.disk, l.parent, changed)
	l.parent = l.b.image(m)
	l.states[m.Name] = bytes.Clone(l.disk)
	return m
}

// whole reads every byte of a repository.
func (b *bench) whole() {
	b.t.Helper()
	problems, err := b.repo.Verify(b.t.Context(), index.VerifyOptions{ReadData: func(format.PackID) bool { return true }})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range problems {
		b.t.Errorf("%s: %v, hurts %v", p.Object, p.What, p.Hurts)
	}
}

// Whatever two repositories are like, a copy has the bytes of what it is a copy of, and copying again does nothing.
func TestCopiesAreEqual(t *testing.T) {
	for i, kinds := range [][2]index.InitOptions{
		{{}, {}}, {{}, {NoEncryption: true, Compression: "lz4"}}, {{NoEncryption: true, Compression: "none"}, {Compression: "s2"}},
		{{NoEncryption: true}, {NoEncryption: true, Compression: "lz4"}},
	} {
		t.Run(fmt.Sprintf("%+v", kinds), func(t *testing.T) {
			t.Parallel()
			from, to := newBench(t, kinds[0]), newBench(t, kinds[1])
			lives := []*life{from.life("m1", uint64(2*i+1)), from.life("m2", uint64(2*i+2))}
			for range 3 {
				for _, l := range lives {
					l.point()
					l.point()
				}
				for _, got := range from.copyAll(to) {
					for _, l := range lives {
						if got.Point.MachineName == l.name && !got.There {
							to.check(got.Point, l.states[got.Point.Name])
						}
					}
				}
			}
			to.whole()
			for _, pair := range [][2]*bench{{from, to}, {to, from}} { // a copy of what came from there, too
				for _, got := range pair[0].copyAll(pair[1]) {
					if !got.There || got.Read != 0 {
						t.Errorf("%s@%s is copied again", got.Point.MachineName, got.Point.Name)
					}
				}
			}
		})
	}
}

// A copy of a copy is one of the first, wherever it is met.
func TestCopyOfACopy(t *testing.T) {
	t.Parallel()
	var benches []*bench
	for range 3 {
		benches = append(benches, newBench(t, index.InitOptions{NoEncryption: true}))
	}
	m := benches[0].life("m", 1).point()
	benches[0].copyAll(benches[1])
	got := benches[1].copyAll(benches[2])[0].Point
	if got.OriginRepo != benches[0].repo.ID() || got.OriginPoint != m.Point {
		t.Errorf("the origin is point %v of repository %v", got.OriginPoint, got.OriginRepo)
	}
	for _, pair := range [][2]int{{0, 2}, {2, 0}, {2, 1}} {
		if !benches[pair[0]].copyAll(benches[pair[1]])[0].There {
			t.Errorf("copied again from %d to %d", pair[0], pair[1])
		}
	}
}

// All that a manifest says stays, also what this release does not know; disks without an image stay records.
func TestCopyKeepsWhatThePointSays(t *testing.T) {
	t.Parallel()
	from, to := newBench(t, index.InitOptions{}), newBench(t, index.InitOptions{NoEncryption: true})
	to.put("other", make([]byte, 100), nil, nil)
	first := from.life("m", 1).point()
	w, err := from.repo.Begin(t.Context(), index.BeginOptions{Machine: "m", Tool: "tool 1", Host: "host"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort(t.Context())
	extra := []format.Extra{{Tag: 700, Value: []byte("of later")}}
	disk := make([]byte, 3<<20+512)
	churn(seeded(4), disk, 20)
	d, err := w.Disk(format.Disk{
		ID: "uuid", Name: "vdb", Bus: "scsi", Size: int64(len(disk)), Logical: 512, Physical: 4096, Source: "qcow2", Tracking: "b",
		Fallback: "why", Extra: extra,
	}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	d.Counts.Read.Store(99)
	if err := fill(t.Context(), w, d, disk, nil); err != nil {
		t.Fatal(err)
	}
	m := &w.Manifest
	m.Asked, m.Done, m.Consistency, m.Tags, m.Hypervisor = "auto", "inc", "filesystem", []string{"a=b"}, []string{"kvm=9"}
	m.Warnings, m.Extra = []string{"slow"}, extra
	m.Configs = []format.ConfigFile{{Kind: "libvirt-domain", Name: "domain.xml", Data: []byte("<domain/>"), Extra: extra}}
	carried := first.Disks[0]
	carried.State, carried.From, carried.Reason, carried.Extra = format.DiskCarried, first.Point, "not asked for", extra
	m.Disks = []format.Disk{carried, {ID: "c", Name: "vdc", State: format.DiskFailed, Reason: "lost"}, {Name: "vdd", State: format.DiskSkipped}}
	src, err := w.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from.copyAll(to)
	points, err := to.repo.Points(t.Context())
	if err != nil || len(points) != 3 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	got, err := to.repo.Point(t.Context(), points[1])
	if err != nil {
		t.Fatal(err)
	}
	if got.Point == src.Point || got.OriginRepo != from.repo.ID() || got.OriginPoint != src.Point || got.Predecessor != points[0].Point {
		t.Errorf("its ID is %v, its origin %v of %v", got.Point, got.OriginPoint, got.OriginRepo)
	}
	same := *got
	same.Disks = slices.Clone(got.Disks)
	same.Point, same.Predecessor, same.OriginRepo, same.OriginPoint = src.Point, src.Predecessor, format.UUID{}, format.UUID{}
	for i := range same.Disks {
		same.Disks[i].Root, same.Disks[i].Digest = src.Disks[i].Root, src.Disks[i].Digest
	}
	if !bytes.Equal(same.Marshal(), src.Marshal()) {
		t.Errorf("copied\n%+v\nof\n%+v", same, *src)
	}
	im, err := to.repo.Image(got, "vdb")
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, im, disk)
	to.whole()
}

// traced opens a repository over a trace of its operations.
func (b *bench) traced(t *testing.T) (*bench, *objecttest.Trace) {
	trace := objecttest.NewTrace(b.store)
	repo, err := index.Open(t.Context(), trace, index.OpenOptions{Table: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return &bench{t: t, dir: b.dir, store: trace, repo: repo}, trace
}

// Only what the other repository is not known to have is read: of an increment what changed, of a twin nothing.
func TestCopyReadsWhatIsMissing(t *testing.T) {
	t.Parallel()
	from, to := newBench(t, index.InitOptions{NoEncryption: true, Compression: "none"}), newBench(t, index.InitOptions{NoEncryption: true})
	rnd := seeded(8)
	disk := make([]byte, 40<<20)
	fillRandom(rnd, disk[:30<<20])
	m := from.put("m", disk, nil, nil)
	parent := from.image(m)
	twin := from.put("twin", disk, nil, nil)
	copy := func(p *format.Manifest, want int64) {
		t.Helper()
		reader, trace := from.traced(t)
		trace.Reset()
		got, err := index.NewCopier(reader.repo, to.repo, nil).Copy(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if got.Read != want || got.New != want {
			t.Errorf("%s: read %d, new %d bytes of %d", p.MachineName, got.Read, got.New, want)
		}
		var bytes int64
		for line := range strings.Lines(trace.String()) {
			var name string
			var off, n int64
			if k, _ := fmt.Sscanf(line, "get %s %d+%d", &name, &off, &n); k == 3 && strings.HasPrefix(name, "packs/") {
				bytes += n
			}
		}
		if most := want + want/8 + 1<<20; bytes > most { // blocks, and trailers
			t.Errorf("%s: %d bytes of packs are read for %d of blocks", p.MachineName, bytes, want)
		}
	}
	copy(m, 30<<20)
	for n := range int64(5) {
		fillRandom(rnd, disk[n<<22:n<<22+block.Size])
	}
	copy(from.put("m", disk, parent, map[int64]bool{0: true, 64: true, 128: true, 192: true, 256: true}), 5*block.Size)
	disk = append(disk, make([]byte, 1<<20+7)...)
	fillRandom(rnd, disk[len(disk)-7:])
	copy(from.put("m", disk, nil, nil), 7)
	c := index.NewCopier(from.repo, newBench(t, index.InitOptions{NoEncryption: true}).repo, nil)
	for i, p := range []*format.Manifest{m, twin} {
		got, err := c.Copy(t.Context(), p)
		if want := int64(30<<20) * int64(1-i); err != nil || got.Read != want {
			t.Errorf("%s: read %d bytes of %d, %v", p.MachineName, got.Read, want, err)
		}
	}
}

// An interrupted copy is no point, and the next one stores no block again.
func TestCopyCrashesAtEveryOperation(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	from := openIn(t, s.memory)
	if _, err := putDisk(t.Context(), from, "m", s.next, nil, nil); err != nil {
		t.Fatal(err)
	}
	points, err := from.Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	empty := objecttest.NewMemory()
	if err := index.Init(t.Context(), empty, index.InitOptions{NoEncryption: true}); err != nil {
		t.Fatal(err)
	}
	copyAll := func(to *index.Repository) (err error) {
		c := index.NewCopier(from, to, nil)
		for _, p := range points {
			if _, one := c.Copy(t.Context(), p); err == nil {
				err = one
			}
		}
		return err
	}
	count := objecttest.NewCrash(empty, 0)
	if err := copyAll(openIn(t, count)); err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n <= count.Ops(); n++ {
		crash := objecttest.NewCrash(empty, n)
		if repo, err := index.Open(t.Context(), crash, index.OpenOptions{Table: t.TempDir()}); err == nil {
			copyAll(repo)
			repo.Close()
		}
		survivor := openIn(t, crash.Survivor())
		endSessions(t, survivor)
		if err := copyAll(survivor); err != nil {
			t.Fatalf("operation %d: the next copy: %v", n, err)
		}
		noBlockTwice(t, survivor)
		b := &bench{t: t, repo: survivor}
		copies, err := survivor.Points(t.Context())
		if err != nil || len(copies) != 2 {
			t.Fatalf("operation %d: %d points, %v", n, len(copies), err)
		}
		for i, want := range [][]byte{s.first, s.next} {
			full, err := survivor.Point(t.Context(), copies[i])
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want))
			if _, err := b.image(full).ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("operation %d: point %d is another, %v", n, i, err)
			}
		}
	}
}

// A point with damaged bytes is not copied; what is whole in it, and the other points, are.
func TestCopyOfADamagedPoint(t *testing.T) {
	t.Parallel()
	from, to := newBench(t, index.InitOptions{NoEncryption: true, Compression: "none"}), newBench(t, index.InitOptions{NoEncryption: true})
	disk := make([]byte, 20<<20)
	fillRandom(seeded(1), disk[:4<<20])
	good := from.put("good", disk, nil, nil)
	fillRandom(seeded(2), disk[2<<20:4<<20])
	bad := from.put("bad", disk, nil, nil)
	from.hurtBlock(bad, 40)
	from.open(false)
	c := index.NewCopier(from.repo, to.repo, nil)
	if _, err := c.Copy(t.Context(), bad); !errors.Is(err, index.ErrCorrupt) {
		t.Errorf("the damaged one: %v", err)
	}
	got, err := c.Copy(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	fillRandom(seeded(1), disk[:4<<20])
	to.check(got.Point, disk)
	if points, err := to.repo.Points(t.Context()); err != nil || len(points) != 1 {
		t.Errorf("%d points, %v", len(points), err)
	}
}

// hurtBlock turns over a bit of the stored block n of a point's disk.
func (b *bench) hurtBlock(m *format.Manifest, n int64) {
	b.t.Helper()
	run, err := b.image(m).Map().Find(b.t.Context(), n)
	if err != nil || run.Kind != format.Data {
		b.t.Fatalf("block %d: %v, %v", n, run, err)
	}
	b.hurtSlot(run.Address(n))
}

func (b *bench) hurtSlot(a format.Address) {
	b.t.Helper()
	name, off, n, err := b.repo.SlotPlace(b.t.Context(), a)
	if err != nil {
		b.t.Fatal(err)
	}
	path := filepath.Join(b.dir, name)
	p, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	p[off+n/2] ^= 4
	if err := os.WriteFile(path, p, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// A copy of an earlier point that is damaged, or is not what it says, is not built upon.
func TestCopyUponADamagedParent(t *testing.T) {
	t.Parallel()
	for _, hurt := range []string{"nodes", "bytes", "marked"} {
		t.Run(hurt, func(t *testing.T) {
			t.Parallel()
			from, to := newBench(t, index.InitOptions{NoEncryption: true}), newBench(t, index.InitOptions{NoEncryption: true})
			l := from.life("m", 3)
			from.copyAll(to)
			first := l.point()
			switch hurt {
			case "bytes":
				forge(t, to, from.repo.ID(), first)
			default:
				to.hurtNodes(from.copyAll(to)[0].Point)
			}
			to.open(false)
			if hurt == "marked" {
				to.repair(index.RepairOptions{})
			}
			disk := l.disk
			fillRandom(l.rnd, disk[:block.Size])
			m := from.put("m", disk, from.image(first), map[int64]bool{0: true})
			got, err := index.NewCopier(from.repo, to.repo, nil).Copy(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			if noted := hurt == "marked"; noted != (len(got.Warnings) == 0) {
				t.Errorf("warnings: %q", got.Warnings)
			}
			to.check(got.Point, disk)
			if hurt == "marked" && from.copyAll(to)[0].There {
				t.Error("a point that is noted as damaged there is not copied again")
			}
		})
	}
}

// hurtNodes turns over a bit of each stored node of a point's disk.
func (b *bench) hurtNodes(m *format.Manifest) {
	b.t.Helper()
	visit := func(_ uint8, _ int64, c format.Child) (bool, error) { b.hurtSlot(c.At); return false, nil }
	if err := b.image(m).Map().Walk(b.t.Context(), visit, nil); err != nil {
		b.t.Fatal(err)
	}
}

// forge puts an empty disk that says to be a copy of a point.
func forge(t *testing.T, b *bench, repo format.UUID, of *format.Manifest) {
	t.Helper()
	w, err := b.repo.Begin(t.Context(), index.BeginOptions{Machine: of.MachineName, ID: of.Machine})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort(t.Context())
	w.Manifest.OriginRepo, w.Manifest.OriginPoint = repo, of.Point
	d, err := w.Disk(format.Disk{ID: "vda", Name: "vda", Size: of.Disks[0].Size}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(t.Context(), w, d, make([]byte, of.Disks[0].Size), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A machine keeps its ID; a name that is another's is refused, and so is a machine that is being backed up there.
func TestCopyKeepsMachinesApart(t *testing.T) {
	t.Parallel()
	from, to := newBench(t, index.InitOptions{NoEncryption: true}), newBench(t, index.InitOptions{NoEncryption: true})
	m := from.life("m", 1).point()
	c := index.NewCopier(from.repo, to.repo, nil)
	w, err := to.repo.Begin(t.Context(), index.BeginOptions{Machine: "m"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Copy(t.Context(), m); !errors.Is(err, index.ErrLocked) {
		t.Errorf("during a backup: %v", err)
	}
	w.Abort(t.Context())
	got, err := c.Copy(t.Context(), m)
	if err != nil || got.Point.Machine != m.Machine {
		t.Fatalf("copied as machine %v, %v", got.Point.Machine, err)
	}
	if next := to.put("m", make([]byte, 9), nil, nil); next.Machine != m.Machine || next.Sequence != 2 {
		t.Errorf("the next backup there is number %d of machine %v", next.Sequence, next.Machine)
	}
	stranger := newBench(t, index.InitOptions{NoEncryption: true})
	other := stranger.life("m", 2).point()
	_, err = index.NewCopier(stranger.repo, to.repo, nil).Copy(t.Context(), other)
	if !errors.Is(err, index.ErrOtherMachine) || !strings.Contains(err.Error(), other.Machine.String()) || !strings.Contains(err.Error(), m.Machine.String()) {
		t.Errorf("a stranger of that name: %v", err)
	}
}

// Of two who copy a point at once, one finds it there.
func TestCopyTogether(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	from := openIn(t, s.memory)
	points, err := from.Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to := objecttest.NewMemory()
	if err := index.Init(t.Context(), to, index.InitOptions{NoEncryption: true}); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	store := objecttest.NewFault(to, func(op objecttest.Op) objecttest.Act {
		if op.Verb == objecttest.Put && strings.HasPrefix(op.Name, "sessions/") {
			once.Do(func() {
				if _, err := index.NewCopier(from, openIn(t, to), nil).Copy(t.Context(), points[0]); err != nil {
					t.Error(err)
				}
			})
		}
		return objecttest.Act{}
	})
	got, err := index.NewCopier(from, openIn(t, store), nil).Copy(t.Context(), points[0])
	if err != nil || !got.There {
		t.Errorf("copied %+v, %v", got, err)
	}
	if copies, err := openIn(t, to).Points(t.Context()); err != nil || len(copies) != 1 {
		t.Errorf("%d points, %v", len(copies), err)
	}
}
