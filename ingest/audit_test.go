package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
)

// A tracker is a disk whose changes are tracked, well or badly.
type tracker struct {
	t      *testing.T
	name   string
	was    []byte // at the newest point
	is     []byte
	hidden map[int64]bool // blocks that changed and are not reported
	opened int            // how often in full
	read   atomic.Int64   // bytes, by changes
	after  func() string
}

func newTracker(t *testing.T, name string, blocks int) *tracker {
	d := &tracker{t: t, name: name, was: content(uint64(len(name)), blocks*block.Size+100), hidden: map[int64]bool{}}
	for n := range blocks / 4 { // a quarter is zero
		clear(d.was[n*4*block.Size:][:block.Size])
	}
	d.is = bytes.Clone(d.was)
	return d
}

// change makes new content of a block, and hides it or not.
func (d *tracker) change(rng *rand.Rand, n int64, hide bool) {
	p := d.is[n<<block.Log2Size:][:block.Len(n, int64(len(d.is)))]
	if !block.IsZero(p) && rng.IntN(3) == 0 {
		clear(p)
	} else {
		p[rng.IntN(len(p))]++
	}
	if hide {
		d.hidden[n] = true
	}
}

func (d *tracker) full() ingest.Disk {
	return ingest.Disk{Name: d.name, Open: func(context.Context, bool) (ingest.Source, error) { return whole(d.was), nil }}
}

func (d *tracker) disk() ingest.Disk {
	return ingest.Disk{Name: d.name, Tracking: "b0", Changes: true, After: d.after, Open: func(_ context.Context, changes bool) (ingest.Source, error) {
		if !changes {
			d.opened++
			return whole(d.is), nil
		}
		return &counting{memory{data: d.is, extents: d.reports()}, &d.read}, nil
	}}
}

// reports is what the tracking tells.
func (d *tracker) reports() (all []ingest.Extent) {
	size := int64(len(d.is))
	for n := range block.Count(size) {
		off, end := n<<block.Log2Size, n<<block.Log2Size+int64(block.Len(n, size))
		if !d.hidden[n] && !bytes.Equal(d.was[off:end], d.is[off:end]) {
			all = append(all, ingest.Extent{Off: off, Len: end - off, Zero: block.IsZero(d.is[off:end])})
		}
	}
	return all
}

// A counting source counts the bytes that are read.
type counting struct {
	memory
	read *atomic.Int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.read.Add(int64(len(p)))
	return c.memory.ReadAt(p, off)
}

// begun gives a repository that has the disks as they were.
func begun(t *testing.T, o *ingest.Options, disks ...*tracker) *index.Repository {
	t.Helper()
	repo := indextest.Plain(t)
	o.Machine = "m"
	for _, d := range disks {
		o.Disks = append(o.Disks, d.full())
	}
	if _, err := ingest.Run(t.Context(), repo, *o); err != nil {
		t.Fatal(err)
	}
	for i, d := range disks {
		o.Disks[i] = d.disk()
	}
	return repo
}

// A truthful tracking is believed, and exactly so many blocks are read for it; a sample's bytes are counted apart.
func TestAuditOfTheTruth(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		blocks, changed int
		all             bool
		audited         int64 // blocks
	}{
		"sample": {1000, 40, false, 64}, "all": {1000, 40, true, 961}, "fewer than a sample": {90, 40, false, 51},
		"three in a hundred": {2400, 2200, false, 66}, "nothing changed": {300, 0, false, 64}, "everything changed": {70, 71, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTracker(t, "vda", test.blocks)
			o := ingest.Options{Audit: test.all, Workers: 3}
			repo := begun(t, &o, d)
			rng := rand.New(rand.NewPCG(1, 1))
			for _, n := range rng.Perm(test.blocks + 1)[:test.changed] {
				d.change(rng, int64(n), false)
			}
			p := new(ingest.Progress)
			o.Progress = p
			m, err := ingest.Run(t.Context(), repo, o)
			if err != nil {
				t.Fatal(err)
			}
			holds(t, repo, m, "vda", d.is)
			got := m.Disks[0]
			if blocks := block.Count(got.Audited); blocks != test.audited || got.Fallback != "" || m.Warnings != nil {
				t.Errorf("%d blocks audited, not %d; fallback %q, warnings %q", blocks, test.audited, got.Fallback, m.Warnings)
			}
			if read := d.read.Load(); read != got.Read+got.Audited {
				t.Errorf("%d bytes were read, %d and %d counted", read, got.Read, got.Audited)
			}
			if p.Total.Load() != p.Done.Load() {
				t.Errorf("progress ends at %d of %d", p.Done.Load(), p.Total.Load())
			}
		})
	}
}

// A tracking that lies of one block is caught when all is audited, whatever became of the block.
func TestFullAuditCatchesEveryLie(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(d *tracker){
		"data":              func(d *tracker) { d.is[5*block.Size+9]++ },
		"zero became data":  func(d *tracker) { d.is[8*block.Size+65535] = 1 },
		"data became zero":  func(d *tracker) { clear(d.is[9*block.Size:][:block.Size]) },
		"in the last block": func(d *tracker) { d.is[len(d.is)-1]++ },
		"in the first":      func(d *tracker) { d.is[1]++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTracker(t, "vda", 600)
			o := ingest.Options{Audit: true}
			repo := begun(t, &o, d)
			lie(d)
			n := d.reports()[0].Off >> block.Log2Size
			d.hidden[n] = true
			m, err := ingest.Run(t.Context(), repo, o)
			if err != nil {
				t.Fatal(err)
			}
			holds(t, repo, m, "vda", d.is)
			caught(t, m, "vda", fmt.Sprintf("disk vda reported block %d (at byte %d) unchanged", n, n*block.Size))
			if read := d.read.Load(); m.Disks[0].Audited != read {
				t.Errorf("%d bytes were audited, %d counted", read, m.Disks[0].Audited)
			}
		})
	}
}

// caught tells whether a disk was read in full for that reason, and the point warns.
func caught(t *testing.T, m *format.Manifest, name, why string) {
	t.Helper()
	d, _ := m.Disk(name)
	if !strings.Contains(d.Fallback, why) || d.Read != d.Size {
		t.Errorf("disk %s: fallback %q, read %d of %d bytes", name, d.Fallback, d.Read, d.Size)
	}
	if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], why) {
		t.Errorf("warnings %q", m.Warnings)
	}
}

// A sample catches k hidden blocks of n as often as it has to by reckoning: 1 - C(n-k, 64) / C(n, 64).
func TestSampleCatchesLiesAsReckoned(t *testing.T) {
	t.Parallel()
	const blocks, hidden, changed, rounds = 199, 2, 10, 100
	d := newTracker(t, "vda", blocks)
	o := ingest.Options{Workers: 2}
	repo := begun(t, &o, d)
	rng := rand.New(rand.NewPCG(8, 8))
	places := rng.Perm(blocks)
	for i, n := range places[:hidden+changed] {
		d.change(rng, int64(n), i < hidden)
	}
	before := o
	before.Disks = []ingest.Disk{d.full()}
	found := 0
	for round := range rounds {
		o.Seed(uint64(round))
		m, err := ingest.Run(t.Context(), repo, o)
		if err != nil {
			t.Fatal(err)
		}
		if m.Disks[0].Fallback != "" {
			found++
			holds(t, repo, m, "vda", d.is)
		}
		if _, err := ingest.Run(t.Context(), repo, before); err != nil { // the lie is one again
			t.Fatal(err)
		}
	}
	miss := 1.0
	for i := range hidden {
		unchanged := float64(blocks + 1 - changed - i)
		miss *= (unchanged - 64) / unchanged
	}
	mean := rounds * (1 - miss)
	deviation := math.Sqrt(rounds * miss * (1 - miss))
	if math.Abs(float64(found)-mean) > 4*deviation {
		t.Errorf("%d of %d lies were caught, %.0f ± %.0f expected", found, rounds, mean, deviation)
	}
}

// One lie makes the whole run distrust trackings: those before, which are captured again, and those to come.
func TestLieDistrustsTheRun(t *testing.T) {
	t.Parallel()
	names := []string{"vda", "vdb", "vdc"}
	disks := []*tracker{newTracker(t, names[0], 70), newTracker(t, names[1], 300), newTracker(t, names[2], 50)}
	disks[0].after = func() string { return "moved" }
	o := ingest.Options{Audit: true}
	repo := begun(t, &o, disks...)
	rng := rand.New(rand.NewPCG(3, 3))
	for _, d := range disks {
		d.change(rng, 20, false)
		d.change(rng, 33, d.name == "vdb")
	}
	plain := whole(content(4, 5*block.Size))
	o.Disks = append(o.Disks, disk("vdd", plain))
	m, err := ingest.Run(t.Context(), repo, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Disks) != 4 || !m.Complete() {
		t.Fatalf("disks %+v", m.Disks)
	}
	if i := slices.Index(m.Warnings, "disk vda: moved"); i >= 0 { // which is said once
		m.Warnings = slices.Delete(m.Warnings, i, i+1)
	}
	for _, d := range disks {
		holds(t, repo, m, d.name, d.is)
		caught(t, m, d.name, "disk vdb reported block 33 ")
		if d.opened != 1 {
			t.Errorf("disk %s was read in full %d times", d.name, d.opened)
		}
	}
	if d, _ := m.Disk("vdd"); d.Fallback != "" {
		t.Errorf("the untracked disk: %q", d.Fallback)
	}
	if d, _ := m.Disk("vda"); block.Count(d.Audited) != 71-2 {
		t.Errorf("the disk that was dropped: %d bytes audited", d.Audited)
	}
	nothingLeft(t, repo, 2)
}

// A block that cannot be read is no lie: the disk fails, as by any read.
func TestAuditThatCannotRead(t *testing.T) {
	t.Parallel()
	d, other := newTracker(t, "vda", 200), newTracker(t, "vdb", 20)
	o := ingest.Options{Audit: true}
	repo := begun(t, &o, d, other)
	src := &memory{data: d.is, fail: 77*block.Size + 5}
	o.Disks[0].Open = func(context.Context, bool) (ingest.Source, error) { return src, nil }
	for _, broken := range []func(){func() {}, func() { src.fail, src.short = 0, true }} {
		broken()
		m, err := ingest.Run(t.Context(), repo, o)
		if m == nil || !errors.Is(err, ingest.ErrSource) {
			t.Fatalf("%v, %v", m, err)
		}
		if d := m.Disks[0]; d.State != format.DiskFailed || m.Warnings != nil || m.Disks[1].Fallback != "" {
			t.Errorf("recorded as %+v, warnings %q", d, m.Warnings)
		}
		holds(t, repo, m, "vdb", other.is)
	}
}

// A point is only there when a disk is: one that was captured and taken back counts for nothing when it cannot be read
// again.
func TestDistrustedDisksMayFail(t *testing.T) {
	t.Parallel()
	a, b := newTracker(t, "vda", 20), newTracker(t, "vdb", 20)
	o := ingest.Options{Audit: true}
	repo := begun(t, &o, a, b)
	b.change(rand.New(rand.NewPCG(1, 1)), 7, true)
	for i := range o.Disks {
		open := o.Disks[i].Open
		o.Disks[i].Open = func(ctx context.Context, changes bool) (ingest.Source, error) {
			if changes {
				return open(ctx, changes)
			}
			return nil, errors.New("no such disk")
		}
	}
	if m, err := ingest.Run(t.Context(), repo, o); m != nil || !errors.Is(err, ingest.ErrSource) {
		t.Fatalf("%v, %v", m, err)
	}
	nothingLeft(t, repo, 1)
}
