package lab

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
)

// image makes a disk's image, if it is not there, and fills in what was left to us.
func (h *Host) image(domain string, d *Disk) (err error) {
	if d.Loop || d.CDROM {
		d.Format = "raw"
	}
	d.Format = cmp.Or(d.Format, "qcow2")
	d.Size = cmp.Or(d.Size, int64(len(d.Content)))
	if d.CDROM && d.Size == 0 {
		return nil
	}
	d.Path = cmp.Or(d.Path, filepath.Join(h.Dir, "images", domain+"-"+d.Target+"."+d.Format))
	if _, err := os.Stat(d.Path); err != nil {
		if err := d.create(); err != nil {
			return err
		}
	}
	if d.Loop {
		d.Path, err = output("losetup", "--find", "--show", d.Path)
	}
	return err
}

// create makes a thin image by way of a raw one, which qemu-img looks through for zeros.
func (d *Disk) create() error {
	raw := d.Path + "~"
	defer os.Remove(raw)
	if err := sparse(raw, d.Content, d.Size); err != nil {
		return err
	}
	if d.Ext4 {
		// A kernel that finishes what mkfs left for later writes when nobody does.
		if _, err := output("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", raw); err != nil {
			return err
		}
	}
	if d.Format == "raw" {
		return os.Rename(raw, d.Path)
	}
	_, err := output("qemu-img", "convert", "-f", "raw", "-O", d.Format, raw, d.Path)
	return err
}

// sparse writes a file of that size, with holes where content is zero.
func sparse(path string, content []byte, size int64) error {
	if int64(len(content)) > size {
		return fmt.Errorf("%d bytes of content for a disk of %d", len(content), size)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	zero := make([]byte, 64<<10)
	for off := 0; off < len(content); off += len(zero) {
		p := content[off:min(off+len(zero), len(content))]
		if bytes.Equal(p, zero[:len(p)]) {
			continue
		}
		if _, err := f.WriteAt(p, int64(off)); err != nil {
			return err
		}
	}
	return f.Close()
}
