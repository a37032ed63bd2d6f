package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
)

// A host holds a machine still as often as it is asked to, and notes in which order what happened.
type host struct {
	data    []byte
	changed []ingest.Extent // since the base; nil is: cannot be told
	at      time.Time
	refuse  error // of Take
	stuck   error // of Release
	hidden  error // of reading
	slipped error // of Check

	wishes []ingest.Wish
	log    []string
}

func (h *host) Base(points []*format.Manifest, level string) *format.Manifest {
	for _, p := range slices.Backward(points) {
		if p.Disks[0].Tracking == "mark "+p.Point.String() && (level != ingest.Diff || p.Done == ingest.Full) {
			return p
		}
	}
	return nil
}

func (h *host) Take(ctx context.Context, w ingest.Wish) (*ingest.Shot, error) {
	h.wishes = append(h.wishes, w)
	if h.refuse != nil {
		return nil, h.refuse
	}
	h.log = append(h.log, "take")
	d := ingest.Disk{Name: "vda", Origin: "here", Open: h.open}
	if w.Level != ingest.Copy {
		d.Tracking = "mark " + w.Point.String()
	}
	if w.Base != nil && h.changed != nil {
		d.Changes = true
	} else if w.Level == ingest.Inc || w.Level == ingest.Diff {
		d.Fallback = "nobody has kept track"
	}
	return &ingest.Shot{
		Time: h.at, Consistency: "filesystem", Hypervisor: []string{"host=1"}, Disks: []ingest.Disk{d},
		Configs: []format.ConfigFile{{Kind: "vmx", Name: "a.vmx", Data: []byte("x")}}, Warnings: []string{"the guest sleeps"},
		Check: func(context.Context) error {
			h.log = append(h.log, "check")
			return h.slipped
		},
		Release: func(ctx context.Context) error {
			h.log = append(h.log, "release")
			return errors.Join(h.stuck, ctx.Err())
		},
		Settle: func(ctx context.Context, made *format.Manifest) error {
			h.log = append(h.log, map[bool]string{true: "kept", false: "dropped"}[made != nil])
			return ctx.Err()
		},
	}, nil
}

func (h *host) open(_ context.Context, changes bool) (ingest.Source, error) {
	src := whole(h.data)
	if changes {
		src.extents = h.changed
	}
	if h.hidden != nil {
		src.fail = 5
	}
	return closing{src, h}, nil
}

// closing notes that a source was closed.
type closing struct {
	*memory
	h *host
}

func (c closing) Close() error { c.h.log = append(c.h.log, "close"); return nil }

func shoot(t *testing.T, repo *index.Repository, h *host, level string) (*format.Manifest, error) {
	t.Helper()
	h.log = nil
	return ingest.Run(t.Context(), repo, ingest.Options{Machine: "web01", Level: level, Source: h})
}

// An increment counts from the newest point that has a mark of its own, a differential from the last full: what is built
// upon is what the machine was asked for, and never the point in between.
func TestMachineLevels(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	h := &host{data: bytes.Repeat([]byte{1}, 1<<20), at: time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)}
	history := map[string][]byte{}
	var names []string
	step := func(level, done string, base int, from, to int64, with byte) {
		t.Helper()
		h.at = h.at.Add(time.Hour)
		copy(h.data[from:to], bytes.Repeat([]byte{with}, int(to-from)))
		m, err := shoot(t, repo, h, level)
		if err != nil {
			t.Fatal(err)
		}
		w := h.wishes[len(h.wishes)-1]
		if m.Done != done || !m.Time.Equal(h.at) || m.Name != h.at.Format(index.TimeLayout) || w.Point != m.Point || w.Repository != repo.ID() {
			t.Errorf("%s became %s at %s", level, m.Done, m.Name)
		}
		if (w.Base == nil) != (base < 0) || w.Base != nil && w.Base.Name != names[base] {
			t.Errorf("%s counts from %+v, not from point %d", m.Name, w.Base, base)
		}
		history[m.Name] = bytes.Clone(h.data)
		names = append(names, m.Name)
		holds(t, repo, m, "vda", h.data)
		if want := []string{"take", "close", "check", "release", "kept"}; !slices.Equal(h.log, want) {
			t.Errorf("%q", h.log)
		}
	}
	step("auto", "full", -1, 0, 100, 2)
	h.changed = []ingest.Extent{{Off: 0, Len: 64 << 10}}
	step("auto", "inc", 0, 50, 900, 3)
	h.changed = []ingest.Extent{{Off: 64 << 10, Len: 64 << 10}}
	step("copy", "copy", -1, 64<<10, 65<<10, 4)
	step("inc", "inc", 1, 65<<10, 66<<10, 5) // from the mark before the copy
	h.changed = []ingest.Extent{{Off: 0, Len: 256 << 10}}
	step("diff", "diff", 0, 200<<10, 201<<10, 6)
	h.changed = nil
	step("inc", "inc", 4, 900<<10, 901<<10, 7)
	points, err := repo.Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		holds(t, repo, p, "vda", history[p.Name])
	}
	last := points[len(points)-1]
	if d := last.Disks[0]; d.Fallback != "nobody has kept track" || d.Origin != "here" || last.Consistency != "filesystem" ||
		!slices.Equal(last.Warnings, []string{"the guest sleeps"}) || !slices.Equal(last.Hypervisor, []string{"host=1"}) {
		t.Errorf("%+v", last)
	}
}

// Whatever happens, the machine is let go, once, and knows that no point came of it.
func TestMachineIsLetGo(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	h := &host{data: bytes.Repeat([]byte{1}, 1<<20), hidden: errors.New("x")}
	if _, err := shoot(t, repo, h, "full"); err == nil || !slices.Equal(h.log, []string{"take", "close", "release", "dropped"}) {
		t.Errorf("%v, %q", err, h.log)
	}
	h.hidden, h.refuse = nil, errors.New("no such domain")
	if _, err := shoot(t, repo, h, "full"); !errors.Is(err, h.refuse) || !errors.Is(err, ingest.ErrSource) || h.log != nil {
		t.Errorf("%v, %q", err, h.log)
	}
	h.refuse, h.stuck = nil, errors.New("snapshot 7 is still there")
	m, err := shoot(t, repo, h, "full")
	var left *ingest.LeftError
	if m == nil || !errors.As(err, &left) || !errors.Is(err, h.stuck) || !slices.Equal(h.log, []string{"take", "close", "check", "release", "kept"}) {
		t.Errorf("%v, %v, %q", m, err, h.log)
	}
	if !strings.Contains(strings.Join(m.Warnings, " "), "snapshot 7") {
		t.Errorf("%q", m.Warnings)
	}
	h.stuck, h.slipped = nil, errors.New("the job is gone")
	if m, err := shoot(t, repo, h, "full"); m != nil || !errors.Is(err, h.slipped) || !errors.Is(err, ingest.ErrSource) || h.log[len(h.log)-1] != "dropped" {
		t.Errorf("%v, %v, %q", m, err, h.log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.slipped, h.log = nil, nil
	h.changed = []ingest.Extent{}
	cancelling := &cancelAtTake{h, cancel}
	if _, err := ingest.Run(ctx, repo, ingest.Options{Machine: "web01", Source: cancelling}); !errors.Is(err, context.Canceled) ||
		errors.As(err, &left) || h.log[len(h.log)-1] != "dropped" {
		t.Errorf("%v, %q", err, h.log)
	}
}

// Disks are read at once: each waits for the other here.
func TestDisksAtOnce(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	var both sync.WaitGroup
	both.Add(2)
	var disks []ingest.Disk
	for _, name := range []string{"vda", "vdb"} {
		disks = append(disks, ingest.Disk{Name: name, Open: func(context.Context, bool) (ingest.Source, error) {
			both.Done()
			both.Wait()
			return whole(content(uint64(name[2]), 3<<20)), nil
		}})
	}
	m, err := ingest.Run(t.Context(), repo, ingest.Options{Machine: "m", Disks: disks, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vda", "vdb"} {
		holds(t, repo, m, name, content(uint64(name[2]), 3<<20))
	}
}

type cancelAtTake struct {
	*host
	cancel func()
}

func (c *cancelAtTake) Take(ctx context.Context, w ingest.Wish) (*ingest.Shot, error) {
	shot, err := c.host.Take(ctx, w)
	c.cancel()
	return shot, err
}
