package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/report"
	"vbfs/ingest"
)

// An instant is a point, and what the disk held then.
type instant struct {
	machine string
	id      string
	name    string
	disk    *disk
}

// export is the point's disk, as selectors and NBD clients name it.
func (in *instant) export() string { return in.machine + "@" + in.name + ":vda" }

// A guest writes to a disk as it likes, and is captured.
type guest struct {
	name   string
	medium medium
	now    *disk // what it holds
	rnd    *rand.Rand
	noise  *rand.ChaCha8
	past   []*instant
	turn   int  // of captures
	grown  bool // or shrunk, since the last point
}

func newGuest(name string, m medium, size int64) *guest {
	var key [32]byte
	copy(key[:], fmt.Sprint(name, *seed))
	g := &guest{name: name, medium: m, now: newDisk(size), noise: rand.NewChaCha8(key)}
	g.rnd = rand.New(g.noise)
	return g
}

const mib = 1 << 20

// live writes for a while.
func (g *guest) live(t *testing.T) {
	t.Helper()
	ops := 1 + g.rnd.IntN(16)
	if g.turn == 0 {
		ops = 60
	}
	for range ops {
		what, err := g.act(t)
		if err != nil {
			t.Fatalf("%s of %s: %v", what, g.name, err)
		}
	}
	if g.turn%7 == 5 {
		g.resize(t)
	}
}

func (g *guest) act(t *testing.T) (what string, err error) {
	switch g.rnd.IntN(12) {
	case 0, 1:
		off, n := g.place(20 * mib)
		g.now.zero(off, n)
		return "write-zeroes", g.medium.zero(off, n)
	case 2, 3:
		off, n := g.place(10 * mib)
		return "discard", g.discard(off, n)
	case 4, 5, 6:
		return "write of shared content", g.share()
	case 7:
		off, n := g.place(3 * mib)
		return "write", g.write(off, n)
	}
	off, n := g.place(200 << 10)
	return "write", g.write(off, n)
}

// place is a range of at most n bytes, now and then up to the disk's end, at odd bytes or not.
func (g *guest) place(most int64) (off, n int64) {
	n = 1 + g.rnd.Int64N(most)
	off = g.rnd.Int64N(g.now.size - n)
	switch g.rnd.IntN(8) {
	case 0:
		off = g.now.size - n
	case 1, 2, 3:
		off, n = off&^(unit-1), (n+unit-1)&^(unit-1)
	case 4, 5:
		off, n = off&^511, (n+511)&^511
	}
	return off, min(n, g.now.size-off)
}

// write writes bytes that compress by half.
func (g *guest) write(off, n int64) error {
	p := make([]byte, n)
	for part := p; len(part) > 0; {
		g.noise.Read(part[:min(2048, len(part))])
		part = part[min(4096, len(part)):]
	}
	g.now.write(p, off)
	return g.medium.write(p, off)
}

// share writes units that other guests write as well, a few in a row.
func (g *guest) share() error {
	first, n := g.rnd.Int64N(g.now.size/unit-24), 1+g.rnd.Int64N(24)
	which := g.rnd.Uint64N(200)
	for i := range n {
		p := make([]byte, unit)
		rand.NewChaCha8([32]byte{byte(which + uint64(i))}).Read(p[:unit/2])
		g.now.write(p, (first+i)*unit)
		if err := g.medium.write(p, (first+i)*unit); err != nil {
			return err
		}
	}
	return nil
}

// discard leaves bytes that only the medium knows.
func (g *guest) discard(off, n int64) error {
	if err := g.medium.discard(off, n); err != nil {
		return err
	}
	p := make([]byte, n)
	err := g.medium.read(p, off)
	g.now.write(p, off)
	return err
}

// resize grows or shrinks, and stays above 128 MiB.
func (g *guest) resize(t *testing.T) {
	t.Helper()
	size := 128*mib + g.medium.granule() + g.rnd.Int64N(24*mib)&^(g.medium.granule()-1)
	if size%unit == 0 {
		size += g.medium.granule()
	}
	g.medium.resize(t, size)
	g.now.resize(size)
	g.grown = true
}

// capture makes a point: in turns by the file and by what changed, in this process and by the program; and now and then
// a capture is called off first.
func (g *guest) capture(t *testing.T, r *repository, repo *index.Repository) {
	t.Helper()
	byFile, w := g.medium.ways(t)
	tracked := w != nil && g.turn%2 == 1
	if !tracked {
		w = byFile
	}
	if g.turn%9 == 8 {
		g.medium.kept(t, !g.calledOff(t, repo, w))
		byFile, w = g.medium.ways(t)
		if !tracked {
			w = byFile
		}
	}
	var p report.Point
	if g.turn%6 == 3 {
		p = g.byProgram(t, r, w)
	} else {
		m, err := ingest.Run(t.Context(), repo, ingest.Options{Machine: g.name, Tool: "test", Disks: []ingest.Disk{w.disk}})
		check(t, err)
		p = report.Of(m)
	}
	g.medium.kept(t, true)
	g.fits(t, &p, tracked)
	g.past = append(g.past, &instant{g.name, p.ID, p.Name, g.now.copy()})
	g.turn, g.grown = g.turn+1, false
}

// calledOff begins a capture and ends it too soon, and tells whether that was so.
func (g *guest) calledOff(t *testing.T, repo *index.Repository, w *way) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(g.rnd.IntN(20))*time.Millisecond)
	defer cancel()
	m, err := ingest.Run(ctx, repo, ingest.Options{Machine: g.name, Tool: "test", Disks: []ingest.Disk{w.disk}})
	if err == nil {
		g.past = append(g.past, &instant{g.name, m.Point.String(), m.Name, g.now.copy()})
		g.grown = false
		return false
	}
	if ctx.Err() == nil || m != nil {
		t.Fatalf("a capture that was called off: %v, %v", m, err)
	}
	return true
}

func (g *guest) byProgram(t *testing.T, r *repository, w *way) (p report.Point) {
	t.Helper()
	out := r.ok(t, append([]string{"backup", "--json", "--machine", g.name}, w.args...)...)
	for line := range strings.Lines(out) {
		if strings.Contains(line, `"type":"point"`) {
			check(t, json.Unmarshal([]byte(line), &p))
		}
	}
	return p
}

// fits checks what the point says of itself.
func (g *guest) fits(t *testing.T, p *report.Point, tracked bool) {
	t.Helper()
	d := p.Disks[0]
	if !p.Complete || p.Consistency != ingest.Crash || d.Size != g.now.size {
		t.Fatalf("%s: %+v of a disk of %d bytes", g.name, p, g.now.size)
	}
	if tracked && !g.grown && d.Read > d.Changed+256*unit {
		t.Errorf("%s@%s read %d bytes for %d that changed; tracked %v, grown %v", g.name, p.Name, d.Read, d.Changed, tracked, g.grown)
	}
	if (d.Fallback != "") != (tracked && g.grown) {
		t.Errorf("%s@%s: fallback %q; tracked %v, grown %v", g.name, p.Name, d.Fallback, tracked, g.grown)
	}
}

// readAt compares a point at random places, some of them behind its end.
func (in *instant) readAt(ctx context.Context, repo *index.Repository, rnd *rand.Rand, times int) error {
	img, err := in.open(ctx, repo)
	if err != nil {
		return err
	}
	for range times {
		off, p := rnd.Int64N(in.disk.size), make([]byte, 1+rnd.IntN(400<<10))
		n, err := img.ReadAt(p, off)
		if want := min(int64(len(p)), in.disk.size-off); int64(n) != want || (err != nil) != (n < len(p)) || err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: read %d bytes at %d of %d: %d, %w", in.export(), len(p), off, in.disk.size, n, err)
		}
		if err := in.disk.differs(p[:n], off); err != nil {
			return fmt.Errorf("%s: %w", in.export(), err)
		}
	}
	return nil
}

func (in *instant) open(ctx context.Context, repo *index.Repository) (*index.Image, error) {
	id, err := format.ParseUUID(in.id)
	if err != nil {
		return nil, err
	}
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range points {
		if p.Point != id {
			continue
		}
		if p, err = repo.Point(ctx, p); err != nil {
			return nil, err
		}
		return repo.Image(p, "vda")
	}
	return nil, fmt.Errorf("%s@%s: %w", in.machine, in.name, index.ErrNoPoint)
}
