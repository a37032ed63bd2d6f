package main

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/cmd/internal/clitest"
	vms "vbfs/testdata/lab"
)

// A machine that was captured through SSH comes back on that host through TLS, as a new one, and is captured again: its disks are what
// they were. What is broken off leaves nothing, and what was killed is told with the way out.
func TestRestoreRemote(t *testing.T) {
	t.Parallel()
	h := vms.Start(t)
	l := clitest.NewPlain(t)
	ssh, tls := h.SSH(), h.TLS()
	content := make([]byte, 30<<20)
	rand.Read(content)
	d := h.Domain(vms.Spec{Name: "web01", Disks: []vms.Disk{{Target: "vda", Content: content, Size: 64 << 20}}})
	d.Write("vda", 7, 40<<20, 64<<10)
	l.OK("vbackup", "backup", "libvirt:web01", "--connect", ssh)
	pool := filepath.Join(h.Dir, "pool")
	h.Virsh("pool-define-as", "fast", "dir", "--target", pool)
	h.Virsh("pool-build", "fast")
	h.Virsh("pool-start", "fast")
	restore := []string{"restore", "web01", "libvirt:", "--connect", tls, "--name", "web02", "--storage", "fast", "--verify"}

	image := filepath.Join(pool, "web02-vda.qcow2")
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		cmd := l.Command("vbackup", restore...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if info, err := os.Stat(image); err == nil && info.Size() > 1<<20 {
				break
			}
		}
		cmd.Process.Signal(s)
		cmd.Wait()
		left, _ := os.ReadDir(pool)
		if s == syscall.SIGTERM && (cmd.ProcessState.ExitCode() != 130 || len(left) > 0) || h.Virsh("list", "--all", "--name") != "web01" {
			t.Errorf("%v: %v, left: %v", s, cmd.ProcessState, left)
		}
	}
	if out, err := exec.Command("qemu-img", "check", "-f", "qcow2", image).CombinedOutput(); err == nil {
		t.Errorf("what was killed left an image: %s", out)
	}
	if r := l.Run("vbackup", restore...); r.Code != 1 || !strings.Contains(r.Err, image+" exists") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	h.Virsh("vol-delete", image)

	dry := l.OK("vbackup", append(restore, "--dry-run")...)
	if left, _ := os.ReadDir(pool); len(left) > 0 || !strings.Contains(dry.Out+dry.Err, image) {
		t.Errorf("%v, foreseen: %s%s", left, dry.Out, dry.Err)
	}
	s := summary(t, l, l.OK("vbackup", append(restore, "--json")...))
	if s["domain"] != "web02" || s["verified"] != true {
		t.Errorf("%v", s)
	}
	h.Virsh("start", "web02", "--paused")
	l.OK("vbackup", "backup", "libvirt:web02", "--connect", ssh)
	if r := l.OK("vbackup", "diff", "web01", "web02", "--json"); !strings.Contains(r.Out, `"changed_bytes":0`) {
		t.Errorf("web02 differs: %s", r.Out)
	}
	if r := l.Run("vbackup", "restore", "web01", "libvirt:", "--connect", tls, "--overwrite"); r.Code != 1 || !strings.Contains(r.Err, "--storage POOL") {
		t.Errorf("over: exit code %d: %s", r.Code, r.Err)
	}
}
