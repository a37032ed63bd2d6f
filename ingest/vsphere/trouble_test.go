package vsphere_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

// What passes is tried again; what would be other bytes is an error and never zeros.
func TestTroubleWithRanges(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, twoDisks(11), vsphere.Options{Transport: vsphere.HTTPS})
	rng := rand.New(rand.NewPCG(11, 1))
	for _, trouble := range []vsim.Trouble{
		{Status: 503, Times: 3}, {Skip: 2, Cut: true, After: 5000, Times: 2}, {Skip: 3, Short: true, After: 100, Times: 2}, {Status: 401, Times: 1},
	} {
		trouble.Path = "/folder/"
		l.h.Trouble(trouble)
		l.write(rng, 3)
		l.capture(ingest.Auto)
		l.h.NoTrouble()
	}
	l.h.ResetCounts()
	l.capture(ingest.Full)
	if c := l.h.Counts(); c.ByHost != c.Reads {
		t.Errorf("%d of %d files' ranges came from the host", c.ByHost, c.Reads)
	}
	for _, trouble := range []vsim.Trouble{{Suffix: "-flat.vmdk", Whole: true}, {Suffix: "-flat.vmdk", Status: 404}} {
		l.h.Trouble(trouble)
		if p, err := l.run(ingest.Auto); p != nil || !errors.Is(err, hyper.ErrFile) || !errors.Is(err, ingest.ErrSource) {
			t.Errorf("%+v: %v, %v", trouble, p, err)
		}
		l.clean()
		l.h.NoTrouble()
	}
	l.capture(ingest.Auto)
	l.again()
}

// An increment reads what changed, what is sampled, and little else, also of a tracking whose word of what is empty is believed. What
// lies side by side is asked for at once: a ticket is an answer of the server more.
func TestBytesRead(t *testing.T) {
	t.Parallel()
	for _, ours := range []bool{false, true} {
		l := newLab(t, vsim.Options{}, vsim.Spec{CBT: !ours, Disks: []vsim.Disk{{Size: 64 * mib, Content: noise(12, 40*mib)}}},
			vsphere.Options{Transport: vsphere.HTTPS, EnableCBT: ours})
		l.capture(ingest.Auto)
		l.m.Write("scsi0-0", 3*mib, noise(13, 10*mib))
		l.h.ResetCounts()
		p := l.capture(ingest.Auto)
		d := p.Disks[0]
		if got := l.h.Counts().Bytes - d.Audited; d.Read != 10*mib || got > d.Read*105/100 {
			t.Errorf("%d bytes served for %d read", got, d.Read)
		}
		l.h.ResetCounts()
		l.capture(ingest.Copy)
		if c := l.h.Counts(); c.Reads > 10+80 || !ours && c.Reads > 10 { // 4 leaves, and some small files; if it is believed, 66 samples before
			t.Errorf("%d reads of a whole disk", c.Reads)
		}
	}
}

// A guest that cannot be quiesced is tried again, then captured as if the power had failed, unless that is not enough.
func TestQuiesce(t *testing.T) {
	t.Parallel()
	spec := twoDisks(14)
	spec.Tools = "linuxGuest"
	l := newLab(t, vsim.Options{}, spec, vsphere.Options{Transport: vsphere.HTTPS, Quiesce: true})
	busy := vsim.Failure{Method: "CreateSnapshot_Task", Times: 2, Fault: &types.ApplicationQuiesceFault{}}
	l.h.Fail(busy)
	if p := l.capture(ingest.Auto); p.Consistency != ingest.Filesystem || p.Warnings != nil {
		t.Errorf("%s, %q", p.Consistency, p.Warnings)
	}
	busy.Times = 3
	l.h.Fail(busy)
	if p := l.capture(ingest.Auto); p.Consistency != ingest.Crash || !strings.Contains(strings.Join(p.Warnings, ""), "could not be quiesced") {
		t.Errorf("%s, %q", p.Consistency, p.Warnings)
	}
	l.o.Consistency = ingest.Filesystem
	l.h.Fail(busy)
	if _, err := l.run(ingest.Auto); !errors.Is(err, hyper.ErrQuiesce) {
		t.Errorf("%v", err)
	}
	l.clean()
}

// What VMware ignores is not claimed: without VMware Tools nothing is quiesced, whatever the snapshot says. Programs are held in Windows alone,
// and only under VMware's conditions.
func TestConsistency(t *testing.T) {
	t.Parallel()
	uuid := map[string]string{"disk.EnableUUID": "true"}
	disks := []vsim.Disk{{Size: mib}}
	busy := vsim.Failure{Method: "CreateSnapshotEx_Task", Times: 3, Fault: &types.ApplicationQuiesceFault{}}
	for name, c := range map[string]struct {
		spec  vsim.Spec
		fails *vsim.Failure
		want  string
	}{
		"no tools":         {vsim.Spec{Disks: disks, ExtraConfig: uuid}, nil, ingest.Crash},
		"off":              {vsim.Spec{Disks: disks, Off: true, Tools: "linuxGuest"}, nil, ingest.Crash},
		"linux":            {vsim.Spec{Disks: disks, Tools: "linuxGuest", ExtraConfig: uuid}, nil, ingest.Filesystem},
		"windows":          {vsim.Spec{Disks: disks, Tools: "windowsGuest", ExtraConfig: uuid}, nil, ingest.Application},
		"without UUIDs":    {vsim.Spec{Disks: disks, Tools: "windowsGuest"}, nil, ingest.Filesystem},
		"with a SATA disk": {vsim.Spec{Disks: []vsim.Disk{{Size: mib, On: "sata"}}, Tools: "windowsGuest", ExtraConfig: uuid}, nil, ingest.Filesystem},
		"VSS is broken":    {vsim.Spec{Disks: disks, Tools: "windowsGuest", ExtraConfig: uuid}, &busy, ingest.Filesystem},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, vsim.Options{}, c.spec, vsphere.Options{Transport: vsphere.HTTPS, Quiesce: true})
			if c.fails != nil {
				l.h.Fail(*c.fails)
			}
			if p := l.capture(ingest.Auto); p.Consistency != c.want || (p.Warnings != nil) != (c.fails != nil) {
				t.Errorf("%s, %q", p.Consistency, p.Warnings)
			}
			for _, asked := range []string{ingest.Filesystem, ingest.Application} {
				l.o.Consistency = asked
				if c.fails != nil {
					l.h.Fail(*c.fails)
				}
				reached := c.want == ingest.Application || c.want == asked
				p, err := l.run(ingest.Auto)
				if (err == nil) != reached || p != nil && p.Consistency != c.want || err != nil && !errors.Is(err, vsphere.ErrConsistency) && !errors.Is(err, hyper.ErrQuiesce) {
					t.Errorf("%s asked for: %v, %v", asked, p, err)
				}
			}
			l.clean()
		})
	}
}

// A snapshot that cannot be removed at first is removed in the end; one that cannot at all is told, and goes with the next run.
func TestRemoval(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, twoDisks(15), vsphere.Options{Transport: vsphere.HTTPS})
	l.h.Fail(vsim.Failure{Method: "RemoveSnapshot_Task", Times: 1, Fault: &types.TaskInProgress{}})
	l.capture(ingest.Auto)
	l.h.Fail(vsim.Failure{Method: "RemoveSnapshot_Task", Fault: &types.GenericVmConfigFault{Reason: "x"}})
	p, err := l.run(ingest.Auto)
	var left *ingest.LeftError
	if p == nil || !errors.As(err, &left) || !strings.Contains(err.Error(), "vbfs-"+l.repo.ID().String()) {
		t.Errorf("%v, %v", p, err)
	}
	l.h.NoTrouble()
	l.write(rand.New(rand.NewPCG(15, 1)), 2)
	p = l.capture(ingest.Auto)
	if !strings.Contains(strings.Join(p.Warnings, ""), "had left behind") {
		t.Errorf("%q", p.Warnings)
	}
}

// A run that is told to stop leaves nothing; so does one whose snapshot somebody removes, and it makes no point.
func TestStopped(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, twoDisks(16), vsphere.Options{Transport: vsphere.HTTPS})
	l.h.Slow("CreateSnapshot_Task", 200*time.Millisecond)
	l.h.Trouble(vsim.Trouble{Path: "/folder/", Suffix: "-flat.vmdk", Delay: 20 * time.Millisecond})
	for _, d := range []time.Duration{20, 100, 250, 300, 400} {
		ctx, cancel := context.WithTimeout(t.Context(), d*time.Millisecond)
		p, err := ingest.Run(ctx, l.repo, ingest.Options{Machine: "web01", Source: vsphere.New(l.conn, l.m.Ref(), l.o)})
		cancel()
		if p == nil && err == nil || p == nil && ctx.Err() == nil {
			t.Errorf("%v, %v", p, err)
		}
		l.clean()
	}
	l.h.NoTrouble()
	l.h.Trouble(vsim.Trouble{Path: "/folder/", Suffix: "-flat.vmdk", Skip: 3, Delay: time.Second, Times: 1})
	go func() {
		for range 200 {
			time.Sleep(10 * time.Millisecond)
			m, err := l.conn.Machine(context.Background(), l.m.Ref())
			if err == nil && m.Ours("vbfs-") != nil {
				time.Sleep(200 * time.Millisecond)
				l.m.RemoveSnapshot(m.Ours("vbfs-")[0].Ref)
				return
			}
		}
	}()
	if p, err := l.run(ingest.Full); p != nil || !errors.Is(err, vsphere.ErrNotHeld) {
		t.Errorf("%v, %v", p, err)
	}
	l.clean()
}

// The session may end at any time.
func TestExpired(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{ESX: true}, twoDisks(17), vsphere.Options{Transport: vsphere.HTTPS})
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(400 * time.Millisecond):
				l.h.ExpireSessions()
			}
		}
	}()
	rng := rand.New(rand.NewPCG(17, 1))
	for range 3 {
		l.write(rng, 2)
		l.capture(ingest.Auto)
	}
	close(stop)
	<-ended
	l.again()
}
