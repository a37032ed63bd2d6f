package lab

import (
	"os"
	"path/filepath"
)

// Content is what a disk holds: a running domain stands still while it is copied, by qemu-img, which goes past the
// domain's QEMU and all that watches it there.
func (d *Domain) Content(target string) []byte {
	d.Host.t.Helper()
	return d.Contents(target)[target]
}

// Contents is what several disks hold at one instant, by target.
func (d *Domain) Contents(targets ...string) map[string][]byte {
	h := d.Host
	h.t.Helper()
	state := d.State()
	if state == "running" {
		d.Virsh("suspend") // has QEMU write what it kept in memory
		defer d.Virsh("resume")
	}
	x, err := d.xml()
	h.must(err)
	out := map[string][]byte{}
	for _, target := range targets {
		v, err := x.disk(target)
		h.must(err)
		if state == "paused" {
			d.qemuIO(v, "flush")
		}
		out[target], err = v.content(h.Dir)
		h.must(err)
	}
	return out
}

// content copies the disk by way of a file in dir.
func (v *view) content(dir string) ([]byte, error) {
	dir, err := os.MkdirTemp(dir, "content")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	raw := filepath.Join(dir, "raw")
	if _, err := output("qemu-img", "convert", "--force-share", "-f", v.Driver.Type, "-O", "raw", v.path(), raw); err != nil {
		return nil, err
	}
	return os.ReadFile(raw)
}
