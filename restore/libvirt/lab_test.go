package libvirt_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	hyper "vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/testdata/lab"
)

// An image is a disk as it was, in memory.
type image struct {
	bytes []byte
	fail  error // of every read
}

func (im *image) Size() int64 { return int64(len(im.bytes)) }

func (im *image) ReadAt(p []byte, off int64) (int, error) {
	if im.fail != nil {
		return 0, im.fail
	}
	if n := copy(p, im.bytes[off:]); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

func (im *image) Extent(off int64) (n int64, data bool, err error) {
	end := min(off/restore.Granule*restore.Granule+restore.Granule, im.Size())
	return end - off, len(bytes.Trim(im.bytes[off:end], "\x00")) > 0, nil
}

// A point is what a machine was.
type point struct{ machine.Machine }

func id() (u format.UUID) {
	rand.Read(u[:])
	return u
}

// take makes a point of a domain that stands still, with a checkpoint if it runs.
func take(t *testing.T, d *lab.Domain, repo format.UUID, targets ...string) point {
	t.Helper()
	m := &format.Manifest{Point: id(), Machine: id(), MachineName: d.Name, Name: "2026-11-20T20-03-27Z"}
	m.Configs = []format.ConfigFile{{Kind: "libvirt-domain", Name: "domain.xml", Data: []byte(d.Virsh("dumpxml", "--inactive"))}}
	checkpoint := ""
	if d.State() != "shut off" {
		checkpoint = "vbfs-" + repo.String() + "-" + m.Point.String()
		d.Virsh("checkpoint-create-as", checkpoint)
	}
	p := point{machine.Machine{Repository: repo, Point: m}}
	for _, target := range targets {
		m.Disks = append(m.Disks, format.Disk{Name: target, Source: "qcow2", Tracking: checkpoint, State: format.DiskOK})
	}
	for i := range m.Disks {
		record := &m.Disks[i]
		img := &image{bytes: d.Content(record.Name)}
		record.Size = img.Size()
		amount, err := restore.Survey(t.Context(), img)
		if err != nil {
			t.Fatal(err)
		}
		p.Disks = append(p.Disks, machine.Disk{Record: record, Image: img, Amount: amount})
	}
	return p
}

// bytes of a disk at the point.
func (p point) bytes(i int) []byte { return p.Disks[i].Image.(*image).bytes }

func dial(t *testing.T, h *lab.Host) *hyper.Conn {
	t.Helper()
	conn, err := hyper.Dial(t.Context(), h.URI())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// random bytes, with a stretch of zeros in every MiB.
func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	for at := 0; at < size; at += 1 << 20 {
		clear(b[at+300<<10 : min(at+800<<10, size)])
	}
	return b
}

// holds compares an image, read by QEMU and checked first, with what it has to hold.
func holds(t *testing.T, path, format string, want []byte) {
	t.Helper()
	if format != "raw" {
		run(t, "qemu-img", "check", "-q", "-f", format, path)
	}
	raw := filepath.Join(t.TempDir(), "raw")
	run(t, "qemu-img", "convert", "-f", format, "-O", "raw", path, raw)
	got, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("%s: %d bytes, not the %d of the point; differs at %d", path, len(got), len(want), at)
	}
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

func run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%q: %v: %s", args, err, out)
	}
	return string(out)
}

// allocated is how many bytes a file takes.
func allocated(t *testing.T, path, format string) int64 {
	t.Helper()
	var info struct {
		Actual int64 `json:"actual-size"`
	}
	if err := json.Unmarshal([]byte(run(t, "qemu-img", "info", "--output=json", "-f", format, path)), &info); err != nil {
		t.Fatal(err)
	}
	return info.Actual
}

// listing names what is in a directory, and what libvirt has.
func listing(t *testing.T, h *lab.Host, dirs ...string) string {
	t.Helper()
	all := strings.Fields(h.Virsh("list", "--all", "--name"))
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func config(kind, content string) format.ConfigFile {
	return format.ConfigFile{Kind: kind, Name: kind, Data: []byte(content)}
}

// A fickle image does something at one of its reads; without that it gives other bytes each time.
type fickle struct {
	image
	at    int
	then  func()
	reads atomic.Int32
}

func (f *fickle) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.image.ReadAt(p, off)
	reads := int(f.reads.Add(1))
	switch {
	case f.then == nil:
		p[0] = byte(reads)
	case reads == f.at:
		f.then()
	}
	return n, err
}
