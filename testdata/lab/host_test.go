package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStart starts hosts side by side, which know nothing of each other, and looks for what they leave behind.
func TestStart(t *testing.T) {
	t.Parallel()
	var dirs []string
	t.Run("two", func(t *testing.T) {
		a, b := Start(t), Start(t)
		dirs = append(dirs, a.Dir, b.Dir)
		a.Domain(Spec{Name: "one", Off: true})
		b.Domain(Spec{Name: "two"})
		if names := a.Virsh("list", "--all", "--name") + b.Virsh("list", "--name"); names != "onetwo" {
			t.Errorf("the hosts have the domains %q", names)
		}
		b.Restart()
		if state := b.Virsh("domstate", "two"); state != "paused" {
			t.Errorf("after a restart the domain is %s", state)
		}
		b.KillQEMU("two")
	})
	for _, dir := range dirs {
		gone(t, dir)
	}
}

// gone tells of what is left of a lab.
func gone(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", dir, err)
	}
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(all, "/proc/self/mounts") {
		if b, _ := os.ReadFile(name); strings.Contains(string(b), dir) {
			t.Errorf("%s: %q", name, b)
		}
	}
}

// TestCommand sees the host's files by the daemon's paths, and reaches the program by a signal.
func TestCommand(t *testing.T) {
	t.Parallel()
	h := Start(t)
	if err := os.WriteFile(filepath.Join(h.Dir, "lib", "mark"), []byte("here"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := h.Command("cat", "/var/lib/libvirt/mark").Output(); string(out) != "here" {
		t.Errorf("%q, %v", out, err)
	}
	cmd := h.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); !strings.HasPrefix(read(t, "/proc/", cmd), "sleep"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d is %q, and no sleep", cmd.Process.Pid, read(t, "/proc/", cmd))
		}
	}
	cmd.Process.Kill()
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("a killed program ends with %v", err)
	}
}

func read(t *testing.T, proc string, cmd *exec.Cmd) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(proc, itoa(cmd.Process.Pid), "comm"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
