package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestHotPlug adds disks to a running guest, one of them through a loop device, and has one grow.
func TestHotPlug(t *testing.T) {
	t.Parallel()
	var dir string
	t.Run("guest", func(t *testing.T) {
		h := Start(t)
		dir = h.Dir
		d := h.Domain(Spec{Guest: true})
		d.Attach(Disk{Target: "vda", Size: 1 << 20})
		d.Attach(Disk{Target: "vdb", Size: 1 << 20, Loop: true})
		d.Resize("vda", 3<<20)
		d.Run("until test -b /dev/vdb; do sleep 0.1; done; for i in vda vdb; do yes $i | dd bs=1M count=1 iflag=fullblock of=/dev/$i; done; sync")
		if size := d.Run("cat /sys/block/vda/size"); size != "6144" {
			t.Errorf("the disk has grown to %s sectors", size)
		}
		for disk, size := range map[string]int{"vda": 3 << 20, "vdb": 1 << 20} {
			want := make([]byte, size)
			copy(want, bytes.Repeat([]byte(disk+"\n"), 1<<20)[:1<<20])
			if !bytes.Equal(d.Content(disk), want) {
				t.Errorf("%s is not what the guest wrote", disk)
			}
			if !bytes.Equal(d.Instant()[disk], want) {
				t.Errorf("%s is not what the guest wrote, QEMU says", disk)
			}
		}
	})
	gone(t, dir)
	if out, err := output("losetup", "--list"); err != nil || bytes.Contains([]byte(out), []byte(dir)) {
		t.Errorf("%s, %v", out, err)
	}
}

// TestOddities defines what is seldom, but seen.
func TestOddities(t *testing.T) {
	t.Parallel()
	h := Start(t)
	d := h.Domain(Spec{UEFI: true, TPM: true, Disks: []Disk{
		{Target: "vda", Format: "raw", Size: 1 << 20, Shareable: true},
		{Target: "vdb", Size: 1 << 20, ReadOnly: true},
		{Target: "hda", CDROM: true},
		{Target: "hdb", CDROM: true, Content: []byte("read only")},
	}})
	if info, err := os.Stat(d.NVRAM()); err != nil || info.Size() == 0 {
		t.Errorf("no variables: %v", err)
	}
	if states, err := filepath.Glob(filepath.Join(h.Dir, "lib/swtpm/*/tpm2/tpm2-00.permall")); len(states) != 1 {
		t.Errorf("TPM states: %v, %v", states, err)
	}
	d.Virsh("destroy")
	d.Start()
}
