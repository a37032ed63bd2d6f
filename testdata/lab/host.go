package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// TB is what a lab needs of a test, a benchmark, or a program that measures.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// A Host is a libvirtd of its own.
type Host struct {
	// Dir holds all that is the host's, seen from outside: run, etc, lib, log and cache, which the daemon knows as /run,
	// /etc/libvirt, /var/lib/libvirt, /var/log/libvirt and /var/cache/libvirt, and images for disks, which both know by
	// the same path.
	Dir string

	t     TB
	inner *inner
}

// Start starts a libvirtd that ends with the test, and all that it started with it.
func Start(t TB) *Host {
	t.Helper()
	h, err := start(t)
	if err != nil {
		t.Fatalf("start a lab: %v", err)
	}
	t.Cleanup(func() {
		if err := h.inner.close(); err != nil {
			t.Fatalf("end a lab: %v", err)
		}
	})
	return h
}

// As is the same host, whose troubles are another test's.
func (h *Host) As(t TB) *Host {
	return &Host{Dir: h.Dir, t: t, inner: h.inner}
}

func start(t TB) (*Host, error) {
	dir, err := os.MkdirTemp("", "lab") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	h := &Host{Dir: dir, t: t}
	if err = h.configure(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if h.inner, err = newInner(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err = h.inner.do(startLibvirtd); err != nil {
		return nil, errors.Join(err, h.inner.close())
	}
	return h, nil
}

// startLibvirtd returns when the sockets are there.
const startLibvirtd = "libvirtd --daemon $listen"

// configure writes what is not libvirtd's default: everything is root's, and of what a host shares with others, nothing is
// touched. QEMU writes its log itself: no virtlogd is needed.
func (h *Host) configure() error {
	files := map[string]string{
		"etc/libvirtd.conf": "auth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\n",
		"etc/qemu.conf": "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\ncgroup_controllers = []\n" +
			"namespaces = []\nstdio_handler = \"file\"\nswtpm_user = \"root\"\nswtpm_group = \"root\"\n",
	}
	for _, dir := range []string{"etc", "images"} {
		if err := os.MkdirAll(filepath.Join(h.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(h.Dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Socket is libvirtd's, as a path for whoever is outside.
func (h *Host) Socket() string { return filepath.Join(h.Dir, "run/libvirt/libvirt-sock") }

// URI names the host for libvirt clients outside.
func (h *Host) URI() string { return "qemu:///system?socket=" + h.Socket() }

// Virsh runs virsh to its end, and gives what it printed.
func (h *Host) Virsh(args ...string) string {
	h.t.Helper()
	out, err := h.TryVirsh(args...)
	if err != nil {
		h.t.Fatalf("%v", err)
	}
	return out
}

// TryVirsh runs virsh, which may fail.
func (h *Host) TryVirsh(args ...string) (string, error) {
	return output("virsh", append([]string{"--quiet", "--connect", h.URI()}, args...)...)
}

// Command is a run of a program to come for which paths mean what the daemon means by them. It is one process: a signal
// reaches the program itself.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	at := fmt.Sprint("--target=", h.inner.cmd.Process.Pid)
	return exec.Command("nsenter", append([]string{at, "--mount", "--", name}, args...)...)
}

// Restart restarts libvirtd. Guests live on.
func (h *Host) Restart() {
	h.t.Helper()
	h.Do("p=$(cat /run/libvirtd.pid); kill $p; while test -e /proc/$p; do sleep 0.01; done; " + startLibvirtd)
}

// KillQEMU ends a domain's QEMU as the kernel does when memory runs out, and waits until libvirtd knows.
func (h *Host) KillQEMU(name string) {
	h.t.Helper()
	h.Do("kill -9 $(cat /run/libvirt/qemu/" + name + ".pid)")
	for end := time.Now().Add(20 * time.Second); h.Virsh("domstate", name) != "shut off"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("domain %s does not end after its QEMU was killed", name)
		}
	}
}

// Do has the lab's first process do a line of bash, inside, as root: what it starts ends with the lab.
func (h *Host) Do(line string) {
	h.t.Helper()
	if err := h.inner.do(line); err != nil {
		h.t.Fatalf("%v", err)
	}
}
