//go:build cgo && !nolibnbd

package qmp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/hyper/qmp"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/ingest"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// A host runs one QEMU that stands still in its firmware. One monitor of it is for us, one for the test, which writes to
// the disks by it, as a guest does.
type host struct {
	t       *testing.T
	dir     string // short: sockets are in it
	scratch string
	args    []string // of QEMU, beside disks and monitors
	disks   []*image
	cmd     *exec.Cmd
	c       *qmp.Client // the test's
	stderr  bytes.Buffer
	user    int // QEMU's; 0: ours
}

// An image is a disk of a host, and what it holds.
type image struct {
	name, format, path string
	data               []byte
	options            string // of the device
	bare               bool   // has no device: the test's args give it one
}

func (d *image) device() string { return "/machine/peripheral/" + d.name + "/virtio-backend" }

// shortDir is a directory whose path leaves room for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func newHost(t *testing.T, disks ...*image) *host {
	t.Helper()
	dir := shortDir(t)
	h := &host{t: t, dir: dir, scratch: filepath.Join(dir, "scratch"), disks: disks, args: []string{"-S"}}
	h.must(os.Mkdir(h.scratch, 0o700))
	for _, d := range disks {
		h.create(d)
	}
	t.Cleanup(func() {
		h.kill()
		if t.Failed() {
			t.Logf("QEMU: %s", h.stderr.String())
		}
	})
	return h
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) create(d *image) {
	h.t.Helper()
	if d.path == "" {
		d.path = filepath.Join(h.dir, d.name+"."+d.format)
	}
	h.tool("qemu-img", "create", "-q", "-f", d.format, d.path, strconv.Itoa(len(d.data)))
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

func (h *host) tool(name string, args ...string) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		h.t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

func (h *host) monitor() string { return filepath.Join(h.dir, "m") }

// start starts QEMU and waits for its monitors.
func (h *host) start() {
	h.t.Helper()
	args := append([]string{"-nodefaults", "-display", "none", "-accel", "tcg", "-machine", "pc", "-m", "32"}, h.args...)
	for _, s := range []string{"m", "t"} {
		os.Remove(filepath.Join(h.dir, s)) // one that was killed leaves them
		args = append(args, "-qmp", "unix:"+filepath.Join(h.dir, s)+",server=on,wait=off")
	}
	for _, d := range h.disks {
		args = append(args, "-blockdev", fmt.Sprintf("driver=%s,node-name=n-%s,discard=unmap,file.driver=file,file.discard=unmap,file.filename=%s",
			d.format, d.name, d.path))
		if !d.bare {
			args = append(args, "-device", fmt.Sprintf("virtio-blk-pci,drive=n-%s,id=%s%s", d.name, d.name, d.options))
		}
	}
	h.run("qemu-system-x86_64", args...)
}

// run starts a QEMU or a storage daemon that offers monitors m and t.
func (h *host) run(program string, args ...string) {
	h.t.Helper()
	h.cmd = exec.Command(program, args...)
	h.cmd.Stderr = &h.stderr
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if h.user != 0 {
		as(h.cmd, h.user)
	}
	h.must(h.cmd.Start())
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := qmp.Dial(h.t.Context(), filepath.Join(h.dir, "t"), qmp.Options{})
		if err == nil {
			h.c = c
			return
		}
		if time.Now().After(deadline) || !errors.Is(err, qmp.ErrNoSocket) {
			h.t.Fatalf("QEMU does not come up: %v: %s", err, h.stderr.String())
		}
	}
}

// quit ends QEMU in order: it saves its bitmaps.
func (h *host) quit() {
	h.t.Helper()
	h.must(h.c.Do(h.t.Context(), "quit", nil, nil))
	h.end()
}

// kill ends QEMU at once.
func (h *host) kill() {
	if h.cmd != nil {
		h.cmd.Process.Kill()
		h.end()
	}
}

func (h *host) end() {
	h.cmd.Wait() // however it ends
	h.c.Close()
	h.cmd = nil
}

func (h *host) do(command string, args qmp.Args, out any) {
	h.t.Helper()
	h.must(h.c.Do(h.t.Context(), command, args, out))
}

// io runs a command of qemu-io upon the device of a disk: past it, nothing that watches the disk would see the write.
func (h *host) io(d *image, command string) {
	h.t.Helper()
	var out string
	h.do("human-monitor-command", qmp.Args{"command-line": fmt.Sprintf("qemu-io -d %s \"%s\"", d.device(), command)}, &out)
	if strings.Contains(out, "rror") || strings.Contains(out, "failed") {
		h.t.Fatalf("qemu-io %s: %s", command, out)
	}
}

func (h *host) write(d *image, off, n int, with byte) {
	h.t.Helper()
	h.io(d, fmt.Sprintf("write -P %d %d %d", with, off, n))
	for i := range d.data[off : off+n] {
		d.data[off+i] = with
	}
}

// zero makes zeros of a range, by a write of zeros or by a discard, which is of whole clusters.
func (h *host) zero(d *image, off, n int, discard bool) {
	h.t.Helper()
	if discard {
		off, n = off&^(64*kib-1), max(n&^(64*kib-1), 64*kib)
		n = min(n, len(d.data)-off)
		h.io(d, fmt.Sprintf("discard %d %d", off, n))
	} else {
		h.io(d, fmt.Sprintf("write -z %d %d", off, n))
	}
	clear(d.data[off : off+n])
}

// scribble makes n random changes to a disk.
func (h *host) scribble(d *image, rng *rand.Rand, n int) {
	h.t.Helper()
	for range n {
		off := rng.IntN(len(d.data)/512) * 512
		size := min(len(d.data)-off, (rng.IntN(300)+1)*512)
		switch kind := rng.IntN(6); kind {
		case 0, 1:
			h.zero(d, off, size, kind == 0)
		default:
			h.write(d, off, size, byte(rng.IntN(255)+1))
		}
	}
}

func (h *host) machine(o Options) *Machine {
	h.t.Helper()
	if o.Scratch == "" {
		o.Scratch = h.scratch
	}
	m, err := New(h.monitor(), o)
	h.must(err)
	return m
}

// clean fails the test when anything of ours but marks is left, in QEMU or in files.
func (h *host) clean() {
	h.t.Helper()
	seen := map[string]string{}
	h.must(inQEMU(h.t.Context(), h.c, seen))
	if len(seen) > 0 {
		h.t.Errorf("left in QEMU: %v", seen)
	}
	h.noFiles()
	args := qmp.Args{"addr": qmp.Args{"type": "unix", "data": qmp.Args{"path": filepath.Join(h.dir, "probe")}}}
	if err := h.c.Do(h.t.Context(), "nbd-server-start", args, nil); err != nil {
		h.t.Errorf("an NBD server is left: %v", err)
	} else {
		h.do("nbd-server-stop", nil, nil)
	}
}

func (h *host) noFiles() {
	h.t.Helper()
	entries, err := os.ReadDir(h.scratch)
	h.must(err)
	for _, e := range entries {
		h.t.Errorf("left: %s", e.Name())
	}
}

// bitmaps lists the bitmaps of a node by name.
func (h *host) bitmaps(node string) (names []string) {
	h.t.Helper()
	nodes, err := h.c.Nodes(h.t.Context())
	h.must(err)
	for _, n := range nodes {
		for _, b := range n.Bitmaps {
			if n.Name == node {
				names = append(names, b.Name)
			}
		}
	}
	return names
}

func (h *host) status() string {
	h.t.Helper()
	s, err := h.c.Status(h.t.Context())
	h.must(err)
	return s
}

// capture makes a point.
func capture(t *testing.T, repo *index.Repository, m ingest.Machine, level string) (*format.Manifest, error) {
	t.Helper()
	return ingest.Run(t.Context(), repo, ingest.Options{Machine: "web01", Level: level, Source: m})
}

// read gives what a disk of a point holds.
func read(t *testing.T, repo *index.Repository, p *format.Manifest, disk string) []byte {
	t.Helper()
	p, err := repo.Point(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	im, err := repo.Image(p, disk)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, im.Size())
	if _, err := im.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func record(t *testing.T, p *format.Manifest, disk string) *format.Disk {
	t.Helper()
	d, ok := p.Disk(disk)
	if !ok {
		t.Fatalf("point %s has no disk %s", p.Name, disk)
	}
	return d
}
