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

// A domainXML is what libvirt tells of a domain, which may have come to be in any way.
type domainXML struct {
	Disks  []view `xml:"devices>disk"`
	Serial []struct {
		Type   string `xml:"type,attr"`
		Source struct {
			Path string `xml:"path,attr"`
		} `xml:"source"`
	} `xml:"devices>serial"`
}

func (d *Domain) xml() (x domainXML, err error) {
	out, err := d.Host.TryVirsh("dumpxml", d.Name)
	if err == nil {
		err = xml.Unmarshal([]byte(out), &x)
	}
	return x, err
}

// shell is the serial line to a guest, or "".
func (x *domainXML) shell() string {
	for _, s := range x.Serial {
		if s.Type == "unix" {
			return s.Source.Path
		}
	}
	return ""
}

// disk looks a disk up.
func (x *domainXML) disk(target string) (*view, error) {
	for i := range x.Disks {
		if x.Disks[i].Target.Dev == target {
			return &x.Disks[i], nil
		}
	}
	return nil, fmt.Errorf("no disk %s", target)
}
