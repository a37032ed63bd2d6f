package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vbfs/cmd/internal/clitest"
)

// monitored starts a machine that stands still, with one disk and a monitor. write fills a range of the disk with a byte.
func monitored(t *testing.T, l *clitest.Lab) (socket, image string, write func(line string)) {
	t.Helper()
	socket, image = l.Path("qmp"), l.Path("vda.qcow2")
	l.Tool("qemu-img", "create", "-q", "-f", "qcow2", image, "16M")
	cmd := exec.Command("qemu-system-x86_64", "-name", "web01", "-nodefaults", "-display", "none", "-accel", "tcg", "-m", "16", "-S",
		"-qmp", "unix:"+socket+",server=on,wait=off", "-chardev", "stdio,id=people", "-mon", "chardev=people,mode=readline",
		"-blockdev", "driver=qcow2,node-name=n0,file.driver=file,file.filename="+image, "-device", "virtio-blk-pci,drive=n0,id=vda")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	clitest.Until(t, "the monitor", func() bool { _, err := os.Stat(socket); return err == nil })
	return socket, image, func(line string) {
		t.Helper()
		if _, err := io.WriteString(input, "qemu-io n0 \""+line+"\"\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond) // nobody tells when the monitor for people is done
	}
}

// A QEMU without libvirt is captured by its monitor: whole, then what changed.
func TestMonitor(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	socket, image, write := monitored(t, l)
	same := func(level string) {
		t.Helper()
		l.OK("vbackup", "backup", "qmp:"+socket, "--pause")
		points := l.Points()
		if p := points[len(points)-1]; p["level"] != level || p["machine"] != "web01" {
			t.Errorf("%v", p)
		}
		out, want := l.Path("out.raw"), l.Path("want.raw")
		l.OK("vbackup", "restore", "web01", out, "--overwrite")
		l.Tool("qemu-img", "convert", "-U", "-O", "raw", image, want)
		if !bytes.Equal(l.Bytes(out), l.Bytes(want)) {
			t.Errorf("the %s is not what the disk holds", level)
		}
	}
	write("write -P 1 0 3M")
	same("full")
	write("write -P 2 1M 64k")
	write("discard 2M 512k")
	same("inc")
	points := l.Points()
	if d := points[1]["disks"].([]any)[0].(map[string]any); d["read_bytes"].(float64) >= 3<<20 || d["fallback"] != nil && d["fallback"] != "" {
		t.Errorf("%v", d)
	}
	r := l.Run("vbackup", "backup", "qmp:"+l.Path("none"))
	if r.Code != 10 || !strings.Contains(r.Err, "-qmp unix:PATH") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if r := l.Run("vbackup", "backup", "qmp:"+socket, "--require-consistency", "filesystem"); r.Code != 2 {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}
