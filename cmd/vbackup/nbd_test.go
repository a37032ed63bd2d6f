package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// server starts an NBD server on the lab's socket nbd.sock and returns when it listens, with what ends it.
func server(t *testing.T, l *clitest.Lab, args ...string) (end func()) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		cmd.Process.Kill() // nbdkit would wait for its clients
		cmd.Wait()
		os.Remove(l.Path("nbd.sock"))
	}
	t.Cleanup(end)
	clitest.Until(t, args[0]+" listens", func() bool {
		c, err := net.Dial("unix", l.Path("nbd.sock"))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return end
}

// An increment by a dirty bitmap reads what changed; without the bitmap everything is read, and the point says why.
func TestBitmap(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.Disk("disk.raw", 16)
	l.Tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "disk.raw", "disk.qcow2")
	l.Tool("qemu-img", "bitmap", "--add", "disk.qcow2", "b")
	uri := "nbd+unix:///web01?socket=" + l.Path("nbd.sock")
	capture := func(bitmap string) (point, disk map[string]any) {
		t.Helper()
		end := server(t, l, "qemu-nbd", "-r", "-t", "-e", "8", "-x", "web01", "-f", "qcow2", "-B", "b", "-k", l.Path("nbd.sock"),
			l.Path("disk.qcow2"))
		defer end()
		l.OK("vbackup", "backup", uri, "--bitmap", bitmap)
		points := l.Points()
		point = points[len(points)-1]
		return point, point["disks"].([]any)[0].(map[string]any)
	}
	if p, _ := capture("b"); p["level"] != "full" {
		t.Errorf("the first: %v", p)
	}
	l.Tool("qemu-io", "-f", "qcow2", "-c", "write -P 9 5M 100k", "-c", "write -z 1M 1M", "disk.qcow2")
	p, d := capture("b")
	if p["level"] != "inc" || d["fallback"] != "" || d["read_bytes"].(float64) > 2<<20 || d["changed_bytes"].(float64) < 1<<20 {
		t.Errorf("the increment: %v", p)
	}
	l.OK("vbackup", "restore", "web01", l.Path("restored.raw"))
	l.Tool("qemu-img", "compare", "-f", "qcow2", "-F", "raw", "disk.qcow2", "restored.raw")
	if _, d := capture("other"); !strings.Contains(d["fallback"].(string), "no bitmap") || d["changed_bytes"] != 0.0 {
		t.Errorf("without the bitmap: %v", d)
	}
}

// A bitmap that forgot a change is found out by an audit of everything: all is read, and that is said aloud.
func TestLyingBitmap(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.Disk("disk.raw", 16)
	l.Tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "disk.raw", "disk.qcow2")
	l.Tool("qemu-img", "bitmap", "--add", "disk.qcow2", "b")
	uri := "nbd+unix:///web01?socket=" + l.Path("nbd.sock")
	capture := func(args ...string) (clitest.Result, map[string]any) {
		t.Helper()
		end := server(t, l, "qemu-nbd", "-r", "-t", "-e", "8", "-x", "web01", "-f", "qcow2", "-B", "b", "-k", l.Path("nbd.sock"),
			l.Path("disk.qcow2"))
		defer end()
		r := l.OK("vbackup", append([]string{"backup", uri, "--bitmap", "b"}, args...)...)
		points := l.Points()
		return r, points[len(points)-1]["disks"].([]any)[0].(map[string]any)
	}
	capture()
	l.Tool("qemu-io", "-f", "qcow2", "-c", "write -P 9 5M 100k", "disk.qcow2")
	if r, d := capture("--audit"); d["audited_bytes"] != float64(16<<20+512-2<<16) || d["fallback"] != "" || r.Err != "" {
		t.Errorf("the truth: %v\n%s", d, r.Err)
	}
	if _, d := capture(); d["audited_bytes"] != float64(64<<16) && d["audited_bytes"] != float64(63<<16+512) {
		t.Errorf("a sample: %v", d)
	}
	l.Tool("qemu-io", "-f", "qcow2", "-c", "write -P 8 9M 1k", "disk.qcow2")
	l.Tool("qemu-img", "bitmap", "--clear", "disk.qcow2", "b")
	r, d := capture("--audit", "-q")
	if !strings.Contains(d["fallback"].(string), "reported block 144 (at byte 9437184) unchanged") || d["read_bytes"].(float64) < 12<<20 {
		t.Errorf("the lie: %v", d)
	}
	if !strings.Contains(r.Err, "warning: web01: the change tracking of disk disk0 reported block 144") {
		t.Errorf("it says: %s", r.Err)
	}
	l.OK("vbackup", "restore", "web01", l.Path("restored.raw"))
	l.Tool("qemu-img", "compare", "-f", "qcow2", "-F", "raw", "disk.qcow2", "restored.raw")
}

// A server that dies fails the point, and no other.
func TestServerDies(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("disk.raw", 12)
	end := server(t, l, "nbdkit", "-f", "-r", "-U", l.Path("nbd.sock"), "file", disk)
	uri := "web01=nbd+unix:///?socket=" + l.Path("nbd.sock")
	l.OK("vbackup", "backup", "--machine", "m", uri)
	p := begin(t, l, "--machine", "m", uri)
	end()
	if r := p.End(0); r.Code != 1 || !strings.Contains(r.Err, "vbackup: m: ") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if n := len(l.Points()); n != 1 {
		t.Errorf("%d points", n)
	}
}

// Images of all formats are captured as the disks they hold, and QEMU's server does not stay.
func TestImages(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	want := l.Bytes(l.Disk("disk.raw", 4))
	for _, format := range []string{"qcow2", "vmdk", "vdi"} {
		image := l.Path(format + "." + format)
		l.Tool("qemu-img", "convert", "-f", "raw", "-O", format, "disk.raw", image)
		l.OK("vbackup", "backup", image)
		if r := l.OK("vbackup", "restore", format, "-"); !bytes.HasPrefix([]byte(r.Out), want) {
			t.Errorf("%s comes back otherwise", format)
		}
	}
	if out := l.Tool("ps", "axo", "args"); strings.Contains(out, "qemu-nbd") && strings.Contains(out, l.Dir) {
		t.Error("a qemu-nbd is left")
	}
}
