package lab

import (
	"encoding/xml"
	"fmt"
)

// A view is a disk as libvirt tells of it.
type view struct {
	Device string `xml:"device,attr"`
	Driver struct {
		Type string `xml:"type,attr"`
	} `xml:"driver"`
	Source struct {
		File string `xml:"file,attr"`
		Dev  string `xml:"dev,attr"`
	} `xml:"source"`
	Target struct {
		Dev string `xml:"dev,attr"`
		Bus string `xml:"bus,attr"`
	} `xml:"target"`
	Alias struct {
		Name string `xml:"name,attr"`
	} `xml:"alias"`
}

// path is where the disk lies.
func (v *view) path() string {
	if v.Source.Dev != "" {
		return v.Source.Dev
	}
	return v.Source.File
}

// device is the disk's device, as QEMU's monitor knows it: what a guest would write to, with all that watches it.
func (v *view) device() string {
	if v.Target.Bus == "virtio" {
		return "/machine/peripheral/" + v.Alias.Name + "/virtio-backend"
	}
	return v.Alias.Name
}

// view looks a disk up, which may have come to be in any way.
func (d *Domain) view(target string) (*view, error) {
	out, err := d.Host.TryVirsh("dumpxml", d.Name)
	if err != nil {
		return nil, err
	}
	var dom struct {
		Disks []view `xml:"devices>disk"`
	}
	if err := xml.Unmarshal([]byte(out), &dom); err != nil {
		return nil, err
	}
	for i := range dom.Disks {
		if dom.Disks[i].Target.Dev == target {
			return &dom.Disks[i], nil
		}
	}
	return nil, fmt.Errorf("domain %s has no disk %s", d.Name, target)
}
