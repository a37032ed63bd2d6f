//go:build cgo && !nolibnbd

package libvirt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/testdata/lab"
)

// QEMU 7.2 ends when a client leaves the NBD server of a disk in an iothread: such a machine is refused while it runs, by
// the disk's thread and by its controller's, and captured when it does not.
func TestIOThreads(t *testing.T) {
	t.Parallel()
	host := lab.Start(t)
	for target, change := range map[string][2]string{
		"vda": {"<driver name='qemu' ", "<driver name='qemu' iothread='1' "},
		"sda": {"<controller type='scsi' index='0' model='virtio-scsi'>", "<controller type='scsi' index='0' model='virtio-scsi'><driver iothread='1'/>"},
	} {
		b := benchOn(t, host, lab.Spec{Name: target, Off: true, Disks: []lab.Disk{{Target: target, Size: mib, Content: []byte("x")}}})
		before := b.dom.Virsh("dumpxml")
		with := strings.Replace(strings.Replace(before, "<vcpu ", "<iothreads>1</iothreads><vcpu ", 1), change[0], change[1], 1)
		file := filepath.Join(t.TempDir(), "xml")
		must(t, os.WriteFile(file, []byte(with), 0o600))
		host.Virsh("define", file)
		if after := b.dom.Virsh("dumpxml"); !strings.Contains(after, "iothread='1'") {
			t.Fatalf("no iothread in %s", after)
		}
		b.take("full")
		b.dom.Virsh("start", "--paused")
		if _, err := b.run("inc"); !errors.Is(err, ErrIOThreads) {
			t.Errorf("%s: %v", target, err)
		}
		if state := b.dom.Virsh("domstate"); state != "paused" {
			t.Errorf("%s: the domain is %s", target, state)
		}
	}
}
