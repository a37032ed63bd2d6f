package lab

import (
	"fmt"
	"os"
	"path/filepath"
)

// Attach adds a disk to the domain, now if it runs, and for ever.
func (d *Domain) Attach(disk Disk) {
	h := d.Host
	h.t.Helper()
	h.must(h.image(d.Name, &disk))
	d.spec.Disks = append(d.spec.Disks, disk)
	xml, err := render("disk", &disk)
	h.must(err)
	path := filepath.Join(h.Dir, d.Name+"-"+disk.Target+".xml")
	h.must(os.WriteFile(path, []byte(xml), 0o644))
	args := []string{"--config", path}
	if d.State() != "shut off" {
		args = append(args, "--live")
	}
	d.Virsh("attach-device", args...)
}

// Resize gives a running domain's disk another size, in bytes.
func (d *Domain) Resize(target string, size int64) {
	d.Host.t.Helper()
	d.Virsh("blockresize", target, fmt.Sprintf("%dB", size))
}

// State is what virsh calls it: running, paused, shut off, …
func (d *Domain) State() string {
	d.Host.t.Helper()
	return d.Virsh("domstate")
}
