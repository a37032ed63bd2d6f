package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
)

// A memory source: what a hypervisor might answer, right or wrong.
type memory struct {
	data    []byte
	extents []ingest.Extent
	fail    int64 // offset at which reads fail; 0 is none
	short   bool  // reads end early, without an error
	size    int64 // what it says, when not 0
}

func (m *memory) Size() int64 {
	if m.size != 0 {
		return m.size
	}
	return int64(len(m.data))
}

func (m *memory) Close() error { return nil }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if m.fail > 0 && off <= m.fail && m.fail < off+int64(len(p)) {
		return 0, errors.New("medium error")
	}
	if m.short {
		return copy(p[:len(p)-1], m.data[off:]), nil
	}
	if n := copy(p, m.data[min(off, int64(len(m.data))):]); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

func (m *memory) Extents(context.Context) iter.Seq2[ingest.Extent, error] {
	return func(yield func(ingest.Extent, error) bool) {
		for _, e := range m.extents {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func whole(data []byte) *memory {
	return &memory{data: data, extents: []ingest.Extent{{Len: int64(len(data))}}}
}

func disk(name string, src *memory) ingest.Disk {
	return ingest.Disk{Name: name, Open: func(context.Context, bool) (ingest.Source, error) { return src, nil }}
}

func content(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(20))
	}
	return b
}

func holds(t *testing.T, repo *index.Repository, m *format.Manifest, name string, want []byte) {
	t.Helper()
	full, err := repo.Point(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	im, err := repo.Image(full, name)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, im.Size())
	if _, err := im.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("disk %s of %s holds other bytes", name, m.Name)
	}
}

// What changed and is zero now becomes zero, exactly, and what is not reported stays.
func TestChangesReplaceExactly(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	data := content(1, 20*block.Size+100)
	o := ingest.Options{Machine: "m", Disks: []ingest.Disk{disk("vda", whole(data))}, Workers: 3}
	first, err := ingest.Run(t.Context(), repo, o)
	if err != nil || first.Done != ingest.Full {
		t.Fatal(first, err)
	}
	next := bytes.Clone(data)
	clear(next[2*block.Size : 5*block.Size+7])
	copy(next[9*block.Size+5:], content(2, 1000))
	clear(next[20*block.Size:])
	changes := &memory{data: next, extents: []ingest.Extent{
		{2 * block.Size, 3*block.Size + 7, true}, {9*block.Size + 5, 1000, false}, {20 * block.Size, 100, true},
	}}
	src := ingest.Disk{Name: "vda", Tracking: "b0", Changes: true, Open: func(_ context.Context, ch bool) (ingest.Source, error) {
		if !ch {
			t.Error("read in full")
		}
		return changes, nil
	}}
	o.Disks = []ingest.Disk{src}
	second, err := ingest.Run(t.Context(), repo, o)
	if err != nil || second.Done != ingest.Inc || second.Disks[0].Fallback != "" {
		t.Fatal(second, err)
	}
	holds(t, repo, first, "vda", data)
	holds(t, repo, second, "vda", next)
	if d := second.Disks[0]; d.Read > 3*block.Size || d.New > 2*block.Size || d.Changed != 5*block.Size+100 {
		t.Errorf("read %d, new %d, changed %d bytes", d.Read, d.New, d.Changed)
	}
}

func TestInDoubtEverythingIsRead(t *testing.T) {
	t.Parallel()
	data := content(1, 6*block.Size)
	grown := content(1, 9*block.Size+3)
	for name, test := range map[string]struct {
		open  func(changes bool) (ingest.Source, error)
		want  []byte
		cause string
	}{
		"size": {func(bool) (ingest.Source, error) { return whole(grown), nil }, grown, "size changed"},
		"lost tracking": {func(changes bool) (ingest.Source, error) {
			if changes {
				return nil, errors.New("no such bitmap")
			}
			return whole(data), nil
		}, data, "no such bitmap"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := indextest.Plain(t)
			o := ingest.Options{Machine: "m", Disks: []ingest.Disk{disk("vda", whole(data))}}
			if _, err := ingest.Run(t.Context(), repo, o); err != nil {
				t.Fatal(err)
			}
			o.Disks[0] = ingest.Disk{Name: "vda", Tracking: "b0", Changes: true, Open: func(_ context.Context, ch bool) (ingest.Source, error) {
				return test.open(ch)
			}}
			m, err := ingest.Run(t.Context(), repo, o)
			if err != nil {
				t.Fatal(err)
			}
			holds(t, repo, m, "vda", test.want)
			if got := m.Disks[0].Fallback; !strings.Contains(got, test.cause) {
				t.Errorf("fallback %q", got)
			}
		})
	}
}

// A disk that fails takes itself out of the point, and the whole point when it is the only one.
func TestFailingSources(t *testing.T) {
	t.Parallel()
	good := content(1, 5*block.Size)
	bad := map[string]*memory{
		"read error":  {data: good, extents: whole(good).extents, fail: 3 * block.Size},
		"short read":  {data: good, extents: whole(good).extents, short: true},
		"shrunk":      {data: good[:block.Size], extents: whole(good).extents, size: int64(len(good))},
		"gap":         {data: good, extents: []ingest.Extent{{Len: block.Size}}},
		"lies":        {data: good, extents: []ingest.Extent{{Len: 1 << 50}}},
		"no extents":  {data: good},
		"overlapping": {data: good, extents: []ingest.Extent{{Len: 5 * block.Size}, {Off: 0, Len: 10}}},
	}
	for name, src := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := indextest.Plain(t)
			o := ingest.Options{Machine: "m", Disks: []ingest.Disk{disk("vda", src)}}
			if m, err := ingest.Run(t.Context(), repo, o); m != nil || !errors.Is(err, ingest.ErrSource) {
				t.Fatalf("alone: %v, %v", m, err)
			}
			nothingLeft(t, repo, 0)
			o.Disks = []ingest.Disk{disk("vda", whole(good)), disk("vdb", src)}
			m, err := ingest.Run(t.Context(), repo, o)
			if m == nil || !errors.Is(err, ingest.ErrSource) {
				t.Fatalf("beside a good one: %v, %v", m, err)
			}
			holds(t, repo, m, "vda", good)
			if d, _ := m.Disk("vdb"); m.Complete() || d.State != format.DiskFailed || d.Reason == "" {
				t.Errorf("the failed disk is recorded as %+v", d)
			}
			nothingLeft(t, repo, 1)
		})
	}
}

func nothingLeft(t *testing.T, repo *index.Repository, points int) {
	t.Helper()
	sessions, err := repo.Sessions(t.Context())
	if err != nil || len(sessions) != 0 {
		t.Errorf("%d sessions are left, %v", len(sessions), err)
	}
	all, err := repo.Points(t.Context())
	if err != nil || len(all) != points {
		t.Errorf("%d points, not %d, %v", len(all), points, err)
	}
}

func TestCancelledRunLeavesNothing(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	data := content(3, 40*block.Size)
	ctx, cancel := context.WithCancel(t.Context())
	o := ingest.Options{Machine: "m", Rate: 4 * block.Size, Disks: []ingest.Disk{disk("vda", whole(data))}}
	time.AfterFunc(200*time.Millisecond, cancel)
	if m, err := ingest.Run(ctx, repo, o); m != nil || !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, %v", m, err)
	}
	nothingLeft(t, repo, 0)
}

func TestRateIsKept(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	data := content(3, 64*block.Size)
	o := ingest.Options{Machine: "m", Rate: 64 * block.Size, Disks: []ingest.Disk{disk("vda", whole(data))}}
	start := time.Now()
	if _, err := ingest.Run(t.Context(), repo, o); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 700*time.Millisecond { // the last chunk of 16 blocks is not waited for
		t.Errorf("1 s of data in %v", took)
	}
}

// A disk that is left out is on record, and read in full the next time: the point before does not have it.
func TestSkippedDisks(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	data := content(1, 6*block.Size)
	tracked := ingest.Disk{Name: "vdb", Tracking: "b0", Changes: true, Open: func(_ context.Context, changes bool) (ingest.Source, error) {
		if changes {
			t.Error("built upon a point without the disk")
		}
		return whole(data), nil
	}}
	skipped := ingest.Disk{Name: "vdb", Skip: "for a reason"}
	o := ingest.Options{Machine: "m", Disks: []ingest.Disk{skipped}}
	if m, err := ingest.Run(t.Context(), repo, o); m != nil || err == nil {
		t.Errorf("nothing to capture: %v, %v", m, err)
	}
	nothingLeft(t, repo, 0)
	for _, vdb := range []ingest.Disk{tracked, skipped, tracked} {
		o.Disks = []ingest.Disk{disk("vda", whole(data)), vdb}
		if _, err := ingest.Run(t.Context(), repo, o); err != nil {
			t.Fatal(err)
		}
	}
	all, err := repo.Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := all[1].Disks[1]; !all[1].Complete() || d.State != format.DiskSkipped || d.Reason != "for a reason" || d.ID != "vdb" {
		t.Errorf("left out: %+v", d)
	}
	d := all[2].Disks[1]
	if d.Fallback != "the newest point does not have the disk: skipped (for a reason)" || d.New != 0 {
		t.Errorf("after that: %+v", d)
	}
	holds(t, repo, all[2], "vdb", data)
}
