package qmp

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// startQEMU starts one that stands still, with a monitor for programs and one for people.
func startQEMU(t *testing.T) (monitor, people string, cmd *exec.Cmd) {
	t.Helper()
	dir := shortDir(t)
	monitor, people = filepath.Join(dir, "m"), filepath.Join(dir, "p")
	cmd = exec.Command("qemu-system-x86_64", "-nodefaults", "-display", "none", "-accel", "tcg", "-m", "32", "-S", "-name", "web01",
		"-object", "iothread,id=io", "-monitor", "unix:"+people+",server=on,wait=off",
		"-blockdev", "driver=null-co,size=1048576,node-name=disk", "-device", "virtio-blk-pci,drive=disk,id=vda",
		"-qmp", "unix:"+monitor+",server=on,wait=off")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := Dial(t.Context(), monitor, Options{})
		if err == nil {
			c.Close()
			return monitor, people, cmd
		}
		if time.Now().After(deadline) || !errors.Is(err, ErrNoSocket) {
			t.Fatal(err)
		}
	}
}

func dial(t *testing.T, path string, o Options) *Client {
	t.Helper()
	c, err := Dial(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A liar is a monitor that says what the test wants; QEMU never would.
func liar(t *testing.T, talk func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	path := filepath.Join(shortDir(t), "m")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			talk(conn, bufio.NewReader(conn))
			conn.Close()
		}
	}()
	return path
}

const greeting = `{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 9}, "package": ""}, "capabilities": ["oob"]}}` + "\r\n"
