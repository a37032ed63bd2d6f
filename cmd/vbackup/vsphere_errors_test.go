package main

import (
	"math/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/cmd/internal/clitest"
	"vbfs/testdata/vsim"
)

// What goes wrong with room, the library and the guest is one sentence, with the way out.
func TestVSphereTroubles(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	noise := make([]byte, 2<<20)
	rand.New(rand.NewSource(1)).Read(noise)
	m := l.h.Add(vsim.Spec{Name: "web01", Disks: []vsim.Disk{{Size: 4 << 20, Content: noise}}})
	if err := os.Mkdir(l.Path("small"), 0o700); err != nil {
		t.Fatal(err)
	}
	l.Tool("mount", "-t", "tmpfs", "-o", "size=256k", "small", l.Path("small"))
	t.Cleanup(func() { l.Tool("umount", l.Path("small")) })
	full := vsim.Failure{Method: "CreateSnapshot_Task", Times: 1, Fault: &types.NoDiskSpace{Datastore: "fast"}}
	v := l.h.VDDK()
	for _, c := range []struct {
		name       string
		fails      *vsim.Failure
		says, hint string
		args       []string
	}{
		{"datastore full", &full, "web01: snapshot: the datastore is full: ", "make room there", nil},
		{"scratch full", nil, "no room for a disk on its way", "--scratch", []string{"--transport", "nfc", "--scratch", l.Path("small")}},
		{"no scratch", nil, "no room for a disk on its way", "--scratch", []string{"--transport", "nfc", "--scratch", l.Path("none")}},
		{"no library", nil, "VDDK is not installed", "--vddk-libdir", []string{"--transport", "vddk", "--vddk-plugin", v.Plugin, "--vddk-libdir", l.Path("none")}},
		{"no guest", nil, "VMware Tools do not run in the guest", "--require-consistency", []string{"--require-consistency", "filesystem"}},
	} {
		if c.fails != nil {
			l.h.Fail(*c.fails)
		}
		args := l.account("backup", "vsphere:web01", "--json")
		if c.args == nil || c.args[0] != "--transport" {
			args = append(args, "--transport", "https")
		}
		r := l.Run("vbackup", append(args, c.args...)...)
		if r.Code != 1 || !strings.Contains(r.Err, c.says) || !strings.Contains(r.Err, c.hint) {
			t.Errorf("%s: exit code %d: %s", c.name, r.Code, r.Err)
		}
		for _, line := range l.Lines(r.Out) {
			if message, _ := line["message"].(string); line["type"] == "error" && (strings.Contains(message, "\n") || line["hint"] == nil) {
				t.Errorf("%s: %v", c.name, line)
			}
		}
		if n := m.Snapshots(); n != 0 {
			t.Errorf("%s: %d snapshots", c.name, n)
		}
	}
}

// A session that expires while a backup is at work is made again, and nobody is told.
func TestVSphereExpired(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	m := l.h.Add(vsim.Spec{Name: "web01", Disks: []vsim.Disk{{Size: 1 << 20, Content: []byte("x")}}})
	l.h.Slow("CreateSnapshot_Task", 500*time.Millisecond)
	p := l.Start("vbackup", l.account("backup", "vsphere:web01", "--transport", "https")...)
	clitest.Until(t, "a snapshot that is begun", func() bool { return l.h.Counts().Calls["CreateSnapshot_Task"] > 0 })
	l.h.ExpireSessions()
	if r := p.End(0); r.Code != 0 || strings.Contains(r.Err, "session") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	l.same(m, "web01")
}
