package lab

import (
	"fmt"
	"os"
	"strings"
)

// Write fills a range of a disk with a byte, in the place of a guest: what tracks changes sees it. Offset and length are
// bytes, as of all that follow.
func (d *Domain) Write(target string, pattern byte, off, n int64) {
	d.Host.t.Helper()
	d.onDisk(target, fmt.Sprintf("write -P %#x %d %d", pattern, off, n))
}

// WriteAt writes bytes to a disk.
func (d *Domain) WriteAt(target string, p []byte, off int64) {
	d.Host.t.Helper()
	f, err := os.CreateTemp(d.Host.Dir, "pattern")
	d.Host.must(err)
	defer os.Remove(f.Name())
	_, err = f.Write(p)
	d.Host.must(err)
	d.Host.must(f.Close())
	d.onDisk(target, fmt.Sprintf("write -s %s %d %d", f.Name(), off, len(p)))
}

// Zero has a range read as zeros, by a request to write them; it stays allocated.
func (d *Domain) Zero(target string, off, n int64) {
	d.Host.t.Helper()
	d.onDisk(target, fmt.Sprintf("write -z %d %d", off, n))
}

// Discard gives a range up: whole clusters of a qcow2 become holes, and read as zeros.
func (d *Domain) Discard(target string, off, n int64) {
	d.Host.t.Helper()
	d.onDisk(target, fmt.Sprintf("discard %d %d", off, n))
}

// Flush has QEMU write to the image what it kept in memory.
func (d *Domain) Flush(target string) {
	d.Host.t.Helper()
	d.onDisk(target, "flush")
}

// onDisk does something to a disk that is looked up.
func (d *Domain) onDisk(target, command string) {
	d.Host.t.Helper()
	x, err := d.xml()
	d.Host.must(err)
	v, err := x.disk(target)
	d.Host.must(err)
	d.qemuIO(v, command)
}

// qemuIO does something to a disk in the place of a guest (the monitor's qemu-io).
func (d *Domain) qemuIO(v *view, command string) {
	d.Host.t.Helper()
	out := d.Virsh("qemu-monitor-command", "--hmp", fmt.Sprintf("qemu-io -d %s %q", v.device(), command))
	if strings.Contains(out, "failed") || strings.Contains(out, "rror") || strings.Contains(out, "nvalid") {
		d.Host.t.Fatalf("qemu-io of %s %s: %s: %s", d.Name, v.Target.Dev, command, out)
	}
}
