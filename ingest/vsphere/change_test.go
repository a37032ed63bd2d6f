package vsphere_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

// Twenty points of a machine to which all happens that happens to machines: every one is the frozen disk.
func TestTwentyPoints(t *testing.T) {
	t.Parallel()
	for _, transport := range vsphere.Transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			twentyPoints(t, transport)
		})
	}
}

func twentyPoints(t *testing.T, transport string) {
	l := newLab(t, vsim.Options{MaxAreas: 3, Window: 5 * mib}, twoDisks(7), vsphere.Options{Transport: transport})
	if transport == vsphere.VDDK {
		l.o.VDDK = library(l.h)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	events := map[int]func(){
		3:  func() { l.m.AddDisk(vsim.Disk{Size: 3 * mib, Content: noise(9, mib)}) },
		5:  func() { l.m.ExtendDisk("scsi0-0", 12*mib) },
		7:  func() { l.m.MoveDisk("sata0-0", "fast") },
		9:  func() { l.m.ResetCBT() },
		11: func() { l.m.RemoveDisk("scsi0-1") },
		12: func() { l.m.AddDisk(vsim.Disk{Size: 3 * mib, Content: noise(10, mib)}) },
		14: func() {
			old := l.m.Snapshot("x")
			l.write(rng, 2)
			l.m.Revert(old)
			l.m.RemoveSnapshot(old)
		},
		16: func() {
			l.m.PowerOff()
			l.m.Reregister()
			l.m.PowerOn()
		},
		18: func() { l.m.PowerOff() },
	}
	whole := map[string]string{
		"3 scsi0-1": "does not have the disk", "5 scsi0-0": "size changed", "7 sata0-0": "[fast]", "9 scsi0-0": "begun anew", "9 scsi0-1": "begun anew",
		"9 sata0-0": "begun anew", "12 scsi0-1": "does not have the disk",
	}
	for i := range 20 {
		if events[i] != nil {
			events[i]()
		}
		l.write(rng, 1+rng.IntN(4))
		level := ingest.Auto
		if transport != vsphere.NFC && i%6 == 5 {
			level = ingest.Diff
		}
		p := l.capture(level)
		for _, d := range p.Disks {
			if want, ok := whole[fmt.Sprintf("%d %s", i, d.Name)]; ok || level == ingest.Auto && transport != vsphere.NFC && i > 0 && i != 14 {
				wantFallback(t, p, d.Name, want)
			}
		}
	}
	l.again()
}

// What is there besides the disks' bytes is in the point.
func TestConfigs(t *testing.T) {
	t.Parallel()
	l := newLab(t, vsim.Options{}, vsim.Spec{Folder: "web/prod", Annotation: "the shop", Disks: []vsim.Disk{{Size: mib}}}, vsphere.Options{Transport: vsphere.HTTPS})
	p := l.capture(ingest.Auto)
	var kinds []string
	for _, c := range p.Configs {
		kinds = append(kinds, c.Kind+" "+c.Name)
	}
	if want := []string{"vsphere-config config.json", "vsphere-info info.json", "nvram nvram", "vmdk-descriptor scsi0-0.vmdk"}; !slices.Equal(kinds, want) {
		t.Errorf("%q, %q", kinds, p.Warnings)
	}
	d := p.Disks[0]
	if d.ID == "" || d.ID == d.Name || d.Bus != "scsi" || d.Source != "vmdk, by https" {
		t.Errorf("%+v", d)
	}
}
