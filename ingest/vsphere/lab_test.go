package vsphere_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

// A lab is a machine and where it is backed up to.
type lab struct {
	t    *testing.T
	h    *vsim.Host
	m    *vsim.Machine
	conn *hyper.Conn
	repo *index.Repository
	o    vsphere.Options
	want map[string]map[string][]byte // point, disk
}

func newLab(t *testing.T, ho vsim.Options, spec vsim.Spec, o vsphere.Options) *lab {
	t.Helper()
	h := vsim.Start(t, ho)
	if o.State == "" {
		o.State = t.TempDir()
	}
	o.Scratch, o.QuiescePause = t.TempDir(), time.Millisecond
	return &lab{t, h, h.Add(spec), vspheretest.Login(t, h), indextest.Plain(t), o, map[string]map[string][]byte{}}
}

func (l *lab) run(level string) (*format.Manifest, error) {
	l.t.Helper()
	src := vsphere.New(l.conn, l.m.Ref(), l.o)
	return ingest.Run(l.t.Context(), l.repo, ingest.Options{Machine: "web01", Level: level, Source: src})
}

// forecast tells what a run would do now.
func (l *lab) forecast() (*vsphere.Forecast, error) {
	l.t.Helper()
	src := vsphere.New(l.conn, l.m.Ref(), l.o)
	w, err := ingest.Foresee(l.t.Context(), l.repo, ingest.Options{Machine: "web01", Source: src})
	if err != nil {
		l.t.Fatal(err)
	}
	return src.Rehearse(l.t.Context(), w)
}

// capture makes a point, whose disks must be what was frozen, and leaves no snapshot of ours.
func (l *lab) capture(level string) *format.Manifest {
	l.t.Helper()
	p, err := l.run(level)
	if err != nil {
		l.t.Fatalf("%s: %v", level, err)
	}
	disks := map[string][]byte{}
	for i := range p.Disks {
		if p.Disks[i].State == format.DiskOK {
			disks[p.Disks[i].Name] = l.m.Frozen(p.Disks[i].Name)
		}
	}
	l.want[p.Point.String()] = disks
	l.holds(p)
	l.clean()
	return p
}

func (l *lab) holds(p *format.Manifest) {
	l.t.Helper()
	p, err := l.repo.Point(l.t.Context(), p)
	if err != nil {
		l.t.Fatal(err)
	}
	for name, want := range l.want[p.Point.String()] {
		im, err := l.repo.Image(p, name)
		if err != nil {
			l.t.Fatal(err)
		}
		got := make([]byte, im.Size())
		if _, err := im.ReadAt(got, 0); err != nil {
			l.t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			l.t.Fatalf("point %s (%s): disk %s is not what was frozen, from byte %d", p.Name, p.Done, name, differ(got, want))
		}
	}
}

// again looks at all points once more.
func (l *lab) again() {
	l.t.Helper()
	points, err := l.repo.Points(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range points {
		l.holds(p)
	}
}

func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// clean fails if there is a snapshot of ours, or something to be consolidated.
func (l *lab) clean() {
	l.t.Helper()
	m, err := l.conn.Machine(l.t.Context(), l.m.Ref())
	if err != nil {
		l.t.Fatal(err)
	}
	if left := m.Ours("vbfs-"); left != nil || m.Merge {
		l.t.Fatalf("left behind: %+v, consolidation needed: %t", left, m.Merge)
	}
}

// write lets the guest write here and there; some of it zeros.
func (l *lab) write(rng *rand.Rand, n int) {
	l.t.Helper()
	for range n {
		for _, d := range l.m.Disks() {
			size := int64(len(l.m.Content(d)))
			p := make([]byte, 1+rng.IntN(100<<10))
			if rng.IntN(4) > 0 {
				for i := range p {
					p[i] = byte(rng.Uint32())
				}
			}
			off := rng.Int64N(size - int64(len(p)))
			l.m.Write(d, off, p)
		}
	}
}

func noise(seed uint64, n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(p)
	return p
}

func fallback(p *format.Manifest, disk string) string {
	d, _ := p.Disk(disk)
	return d.Fallback
}

func wantFallback(t *testing.T, p *format.Manifest, disk, part string) {
	t.Helper()
	got := fallback(p, disk)
	if part == "" && got != "" || !strings.Contains(got, part) {
		t.Errorf("point %s, disk %s: fallback %q, not %q", p.Name, disk, got, part)
	}
}
