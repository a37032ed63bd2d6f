package lab

import (
	"strings"
	"testing"
)

// TestAgent freezes a guest's file system for real, and misses an agent that is stopped.
func TestAgent(t *testing.T) {
	t.Parallel()
	h := Start(t)
	d := h.Domain(Spec{Guest: true, Agent: true, Disks: []Disk{{Target: "vda", Size: 16 << 20, Ext4: true}, {Target: "sda", Size: 16 << 20, Ext4: true}}})
	d.Virsh("guest-agent-timeout", "--timeout", "30") // on a busy machine
	d.Virsh("domfsfreeze")
	for _, disk := range []string{"vda", "sda"} {
		d.Run("(echo new >/mnt/" + disk + "/new; echo >/wrote." + disk + ") >/dev/null 2>&1 &")
	}
	d.Run("sleep 1; test ! -e /wrote.vda -a ! -e /wrote.sda")
	d.Virsh("domfsthaw")
	d.Run("until test -e /wrote.vda -a -e /wrote.sda; do usleep 10000; done")
	d.Run("killall -STOP qemu-ga")
	d.Virsh("guest-agent-timeout", "--timeout", "1")
	if _, err := h.TryVirsh("domfsfreeze", d.Name); err == nil || !strings.Contains(err.Error(), "not responding") && !strings.Contains(err.Error(), "not available") {
		t.Errorf("a stopped agent: %v", err)
	}
}
