package virtnbd

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// maxXML bounds a configuration file, maxJSON what qemu-img says of a disk, maxBoot what is kept of loader, NVRAM, kernel and initrd: a point's manifest holds
// all of them, and no more than 128 MiB.
const (
	maxXML  = 4 << 20
	maxJSON = 256 << 10
	maxBoot = 24 << 20
)

// readSmall reads a file of the set, nil when there is none. One of more than limit bytes is an error.
func readSmall(dir *os.Root, name string, limit int64) ([]byte, error) {
	f, err := open(dir, name, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return b, err
}

// A domain is what an import needs of libvirt's XML (libvirt, formatdomain.html).
type domain struct {
	Name   string `xml:"name"`
	UUID   string `xml:"uuid"`
	Loader string `xml:"os>loader"`
	NVRAM  string `xml:"os>nvram"`
	Kernel string `xml:"os>kernel"`
	Initrd string `xml:"os>initrd"`
	Disks  []disk `xml:"devices>disk"`
	text   []byte
}

// A disk of a domain.
type disk struct {
	Device string `xml:"device,attr"` // disk when it is not said
	Driver struct {
		Type string `xml:"type,attr"`
	} `xml:"driver"`
	Target struct {
		Dev string `xml:"dev,attr"`
		Bus string `xml:"bus,attr"`
	} `xml:"target"`
	BlockIO struct {
		Logical  int64 `xml:"logical_block_size,attr"`
		Physical int64 `xml:"physical_block_size,attr"`
	} `xml:"blockio"`
}

// A checkpoint is what an import needs of its XML (libvirt, formatcheckpoint.html).
type checkpoint struct {
	Created int64 `xml:"creationTime"` // seconds since 1970
	Disks   []struct {
		Name string `xml:"name,attr"`
		Kind string `xml:"checkpoint,attr"` // bitmap, or no
	} `xml:"disks>disk"`
	text []byte
}

func (c *checkpoint) instant() time.Time { return time.Unix(c.Created, 0).UTC() }

// readDomain reads a domain's XML; nil when there is none, or none that can be read.
func readDomain(dir *os.Root, name string) *domain {
	d := new(domain)
	if d.text = readXML(dir, name, d); d.text == nil {
		return nil
	}
	return d
}

func readCheckpoint(dir *os.Root, name string) *checkpoint {
	c := new(checkpoint)
	if c.text = readXML(dir, "checkpoints/"+name+".xml", c); c.text == nil {
		return nil
	}
	return c
}

func readXML(dir *os.Root, name string, into any) []byte {
	b, err := readSmall(dir, name, maxXML)
	if err != nil || xml.Unmarshal(b, into) != nil {
		return nil
	}
	return b
}

// disk finds one by its target.
func (d *domain) disk(target string) *disk {
	if d == nil {
		return nil
	}
	for i := range d.Disks {
		if d.Disks[i].Target.Dev == target {
			return &d.Disks[i]
		}
	}
	return nil
}

// raw tells whether a disk's image is raw: of such a disk virtnbdbackup copies the bytes, and calls the file a copy.
func (d *domain) raw(target string) bool {
	of := d.disk(target)
	return of != nil && of.Driver.Type == "raw"
}
