package vsphere_test

import (
	"math/rand/v2"
	"testing"

	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

const mib = 1 << 20

// twoDisks are of odd sizes, on two buses and datastores.
func twoDisks(seed uint64) vsim.Spec {
	return vsim.Spec{Name: "web 01 [prod]", CBT: true, Disks: []vsim.Disk{
		{Size: 9*mib + 1024, Content: noise(seed, 3*mib)},
		{Size: 4 * mib, Content: noise(seed+1, 70000), On: "sata", Datastore: "slow disks 7%"},
	}}
}

func TestIncrementsByRanges(t *testing.T) {
	t.Parallel()
	spec := twoDisks(1)
	spec.Tools = "linuxGuest"
	l := newLab(t, vsim.Options{MaxAreas: 3}, spec, vsphere.Options{Transport: vsphere.HTTPS, Quiesce: true})
	rng := rand.New(rand.NewPCG(1, 2))
	p := l.capture(ingest.Auto)
	if p.Done != ingest.Full || p.Consistency != ingest.Filesystem {
		t.Errorf("%s, %s, %q", p.Done, p.Consistency, p.Warnings)
	}
	for range 5 {
		l.write(rng, 8)
		p = l.capture(ingest.Auto)
		for _, d := range p.Disks {
			wantFallback(t, p, d.Name, "")
			if p.Done != ingest.Inc || d.Tracking == "" || d.Read > 3*mib {
				t.Errorf("%s, %+v", p.Done, d)
			}
		}
	}
	l.again()
}

// Hosts that cannot be reached are tried once: then the server is read from.
func TestUnreachableHost(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, twoDisks(3), vsphere.Options{Transport: vsphere.HTTPS})
	l.h.CloseHosts()
	l.capture(ingest.Auto)
	l.write(rand.New(rand.NewPCG(3, 1)), 3)
	l.capture(ingest.Auto)
	if n := l.h.Counts().Calls["AcquireGenericServiceTicket"]; n != 1 {
		t.Errorf("%d tickets", n)
	}
}
