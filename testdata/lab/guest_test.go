package lab

import (
	"bytes"
	"strings"
	"testing"
)

// TestGuest has a guest write, delete and trim, across a restart of libvirtd and of the domain.
func TestGuest(t *testing.T) {
	t.Parallel()
	h := Start(t)
	d := h.Domain(Spec{Guest: true, Disks: []Disk{{Target: "vda", Size: 32 << 20, Ext4: true}}})
	if out, status := d.TryRun("printf some; exit 3"); out != "some" || status != 3 {
		t.Errorf("the guest said %q, exit status %d", out, status)
	}
	d.Run("yes something special | head -c 2000000 >/mnt/vda/file; sync")
	if !bytes.Contains(d.Content("vda"), []byte("something special")) {
		t.Error("what the guest wrote is not on its disk")
	}
	h.Restart()
	if out := d.Run("rm /mnt/vda/file; sync; fstrim -v /mnt/vda"); !strings.Contains(out, "trimmed") {
		t.Error(out)
	}
	if n := bytes.Count(d.Content("vda"), []byte("something special")); n > 8000 { // some in clusters that others share
		t.Errorf("what the guest trimmed is still on its disk, %d times", n)
	}
	d.Run("echo 1 >/mnt/vda/one; sync")
	d.Run("for i in $(seq 100); do sleep 0.0$i & done") // orphans, whose ends hurt nobody
	for range 100 {
		d.Run("true")
	}
	d.Virsh("destroy")
	d = h.Find(d.Name)
	d.Start()
	if out := d.Run("cat /mnt/vda/one"); out != "1" {
		t.Errorf("after a restart the file holds %q", out)
	}
}
