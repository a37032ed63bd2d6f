package vsphere_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/ingest"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// streams is a lab whose disks go as streams.
func streams(t *testing.T, ho vsim.Options, spec vsim.Spec) *overLab {
	t.Helper()
	l := newOverLab(t, ho, spec)
	l.o.Transport, l.o.RetryPause = vsphere.NFC, time.Millisecond
	return l
}

// files are the disks' files on all datastores, but for the machine's own folder's other files.
func (l *overLab) files() (all []string) {
	l.t.Helper()
	for _, store := range vsim.DefaultDatastores {
		root := l.h.Path("[" + store.Name + "] x")
		filepath.WalkDir(filepath.Dir(root), func(p string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() && strings.HasSuffix(p, ".vmdk") && !strings.HasSuffix(p, "-flat.vmdk") {
				all = append(all, "["+store.Name+"] "+strings.TrimPrefix(p, filepath.Dir(root)+"/"))
			}
			return nil
		})
	}
	slices.Sort(all)
	return all
}

// tidy expects that there are the machine's disks alone, no other machine, and no mark on this one.
func (l *overLab) tidy() {
	l.t.Helper()
	all, err := l.conn.Machines(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	if len(all) != 1 {
		l.t.Errorf("there are other machines: %+v", all)
	}
	m := l.look()
	var own []string
	for _, d := range m.Disks {
		own = append(own, d.File)
	}
	if slices.Sort(own); !slices.Equal(own, l.files()) {
		l.t.Errorf("the machine has %q, there are %q", own, l.files())
	}
	for _, v := range m.Config.ExtraConfig {
		if strings.HasPrefix(v.GetOptionValue().Key, "vbfs") && v.GetOptionValue().Value != "" {
			l.t.Errorf("a mark is left: %+v", v)
		}
	}
}

// Without the library, new files take the place of the old ones, where they were; the next backup reads in full and says why.
func TestOverByStreams(t *testing.T) {
	t.Parallel()
	spec := overSpec(21)
	spec.Disks[1].Thick = true
	l := streams(t, vsim.Options{}, spec)
	before := l.look().Disks
	l.o.Progress = new(machine.Progress)
	for range 2 {
		r := l.must()
		l.tidy()
		now := l.look().Disks
		for i, d := range now {
			was := before[i]
			if d.Name != was.Name || d.File == was.File || d.Datastore != was.Datastore || d.Capacity != was.Capacity || d.Thin != was.Thin || d.Independent {
				t.Errorf("it was %+v, and is %+v", was, d)
			}
			if r.Disks[i].Path != d.File || r.Disks[i].How != machine.Replaced {
				t.Errorf("%+v", r.Disks[i])
			}
			if n := strings.Count(d.File, "-vbfs-"); n != 1 {
				t.Errorf("%s", d.File)
			}
		}
		before = now
	}
	if !l.look().Tracking {
		t.Error("change tracking stays off")
	}
	l.m.PowerOn()
	l.scribble(rand.New(rand.NewPCG(9, 9)), 2)
	p := l.capture(ingest.Inc)
	for _, d := range p.Disks {
		if d.Fallback == "" {
			t.Errorf("the backup after it: %+v", d)
		}
	}
	if p = l.capture(ingest.Inc); p.Disks[0].Fallback != "" {
		t.Errorf("and the one after that: %q", p.Disks[0].Fallback)
	}
	l.m.PowerOff()
	l.o.Delta = true
	_, err := l.over()
	l.fails(err, restore.ErrNoReread, "library")
}

// A single host has its own ways.
func TestOverByStreamsOfESXi(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{ESX: true}, overSpec(23))
	l.must()
	l.tidy()
}

// Hosts that are busy, and connections that are cut, cost time alone.
func TestOverByStreamsInTrouble(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{LeaseTimeout: 2 * time.Second}, overSpec(25))
	for _, trouble := range []vsim.Trouble{
		{Status: 503, Times: 3}, {Cut: true, After: 100_000, Times: 2}, {Cut: true, After: 0, Times: 1}, {Delay: 3 * time.Second, Times: 2},
	} {
		trouble.Path = "/nfc/"
		l.h.Trouble(trouble)
		l.must()
		l.tidy()
		l.h.NoTrouble()
	}
}

// At whichever step it fails: the machine is as it was, and nothing is left.
func TestOverByStreamsFails(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{}, overSpec(27))
	full := &types.NoDiskSpace{FileFault: types.FileFault{File: "[fast]"}, Datastore: "fast"}
	for _, f := range []vsim.Failure{
		{Method: "ImportVApp", Skip: 1}, {Method: "HttpNfcLeaseComplete", Times: 1}, {Method: "MoveVirtualDisk_Task", Skip: 1, Times: 1},
		{Method: "Destroy_Task", Times: 1},
		{Method: "ReconfigVM_Task", Machine: l.m, Times: 1},          // the mark
		{Method: "ReconfigVM_Task", Machine: l.m, Skip: 1, Times: 1}, // change tracking
		{Method: "ReconfigVM_Task", Machine: l.m, Skip: 2, Times: 1}, // the disks
	} {
		f.Fault = full
		l.h.Fail(f)
		files := l.files()
		l.unchanged(nil)
		l.h.NoTrouble()
		if now := l.files(); !slices.Equal(files, now) {
			t.Errorf("%s, %d: there were %q, there are %q", f.Method, f.Skip, files, now)
		}
		l.tidy()
	}
	l.h.Trouble(vsim.Trouble{Path: "/nfc/", Status: 500})
	l.unchanged(hyper.ErrLease, "500")
	l.h.NoTrouble()
	l.tidy()
	l.must()
	l.tidy()
}

// A lease that the server ends is an error with its reason, and nothing changes.
func TestOverByStreamsLeaseEnds(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{LeaseTimeout: time.Second}, overSpec(29))
	l.h.Trouble(vsim.Trouble{Path: "/nfc/", Delay: 3 * time.Second})
	ended := make(chan struct{})
	defer func() { <-ended }()
	go func() {
		defer close(ended)
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if l.h.Counts().Calls["HttpNfcLeaseProgress"] > 1 {
				l.h.ExpireLeases()
				return
			}
		}
	}()
	l.unchanged(hyper.ErrLease, "the server has ended it")
	l.h.NoTrouble()
	l.tidy()
}

// A restore that is called off leaves nothing.
func TestOverByStreamsCancelled(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{}, overSpec(31))
	l.h.Trouble(vsim.Trouble{Path: "/nfc/", Delay: time.Second})
	before := l.now()
	ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
	defer cancel()
	_, err := vsphere.Begin(l.conn).Over(ctx, l.machine(l.point), l.o)
	l.fails(err, context.DeadlineExceeded)
	l.h.NoTrouble()
	l.is(before)
	l.tidy()
}
