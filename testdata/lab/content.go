package lab

import (
	"os"
)

// Content is what a disk holds: a running domain stands still while it is copied, by qemu-img, which goes past the
// domain's QEMU and all that watches it there.
func (d *Domain) Content(target string) []byte {
	h := d.Host
	h.t.Helper()
	switch d.State() {
	case "running":
		d.Virsh("suspend")
		defer d.Virsh("resume")
	}
	v, err := d.view(target)
	h.must(err)
	if v.Alias.Name != "" {
		d.Flush(target)
	}
	f, err := os.CreateTemp(h.Dir, "content")
	h.must(err)
	f.Close()
	defer os.Remove(f.Name())
	_, err = output("qemu-img", "convert", "--force-share", "-f", v.Driver.Type, "-O", "raw", v.path(), f.Name())
	h.must(err)
	b, err := os.ReadFile(f.Name())
	h.must(err)
	return b
}
