package vsphere_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	hyper "vbfs/hyper/vsphere"
	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

// library is the double of VMware's library for a host.
func library(h *vsim.Host) hyper.VDDKOptions {
	v := h.VDDK()
	return hyper.VDDKOptions{Plugin: v.Plugin, LibDir: v.LibDir}
}

// The library comes first when there is one, and reads machines with snapshots, too.
func TestLibrary(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{MaxAreas: 3}, twoDisks(31), vsphere.Options{})
	l.o.VDDK = library(l.h)
	rng := rand.New(rand.NewPCG(31, 1))
	for i := range 6 {
		if i == 3 {
			l.m.Snapshot("mine")
		}
		l.write(rng, 3)
		p := l.capture(ingest.Auto)
		for _, d := range p.Disks {
			why := ""
			if i > 3 { // there is a snapshot at the point before
				why = "may have been reverted"
			}
			wantFallback(t, p, d.Name, why)
			if d.Source != "vmdk, by vddk" || i > 0 && p.Done != ingest.Inc {
				t.Errorf("%s, %+v", p.Done, d)
			}
		}
	}
	l.again()
}

// What the library says is in the error, and what is missing has a way out.
func TestLibraryErrors(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, twoDisks(32), vsphere.Options{Transport: vsphere.VDDK})
	v := l.h.VDDK()
	l.o.VDDK = hyper.VDDKOptions{Plugin: v.Plugin, LibDir: v.LibDir}
	for _, c := range []struct {
		fail func(string) error
		text string
	}{{v.FailOpen, "the host is not licensed"}, {v.FailRead, "NFC has no buffers left"}} {
		if err := c.fail(c.text); err != nil {
			t.Fatal(err)
		}
		if p, err := l.run(ingest.Auto); p != nil || err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v", err)
		}
		if err := c.fail(""); err != nil {
			t.Fatal(err)
		}
		l.clean()
	}
	l.capture(ingest.Auto)
	l.o.VDDK.LibDir = t.TempDir()
	if _, err := l.run(ingest.Auto); !errors.Is(err, hyper.ErrNoVDDK) || !strings.Contains(err.Error(), l.o.VDDK.LibDir) {
		t.Errorf("%v", err)
	}
	l.o.VDDK.Plugin = "/nowhere/plugin.so"
	if _, err := l.run(ingest.Auto); !errors.Is(err, hyper.ErrNoNBDKit) {
		t.Errorf("%v", err)
	}
	l.o.VDDK.Program = "/nowhere/nbdkit"
	if _, err := l.run(ingest.Auto); !errors.Is(err, hyper.ErrNoNBDKit) {
		t.Errorf("%v", err)
	}
	l.o.Transport = ""
	if p := l.capture(ingest.Full); p.Disks[0].Source != "vmdk, by https" {
		t.Errorf("%+v", p.Disks)
	}
}
