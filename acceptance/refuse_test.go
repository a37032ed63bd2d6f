package acceptance

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A world is what must be the same before and after what goes wrong.
type world struct {
	r    *repository
	dirs []string // of the test
	temp string   // the programs' directory for temporary files
}

// newWorld has the repository's programs put temporary files where they can be counted.
func newWorld(t *testing.T, r *repository, dirs ...string) *world {
	t.Helper()
	w := &world{r, dirs, socketDir(t)}
	r.env = append(r.env, "TMPDIR="+w.temp)
	return w
}

// state lists files with their sizes, mounts, loop devices and the processes that the programs left.
func (w *world) state(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, dir := range append([]string{w.temp, w.r.dir}, w.dirs...) {
		check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			check(t, err)
			rel, err := filepath.Rel(w.r.dir, path)
			check(t, err)
			top, _, _ := strings.Cut(rel, "/")
			if top == "packs" || top == "table" || d.IsDir() && strings.HasPrefix(path, w.r.dir) { // sealed packs help the next one
				return nil
			}
			fmt.Fprintln(&out, path, info.Mode(), info.Size())
			return nil
		}))
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	check(t, err)
	for line := range strings.Lines(string(mounts)) {
		for _, dir := range w.dirs {
			if strings.Contains(line, dir) {
				out.WriteString(line)
			}
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*/environ")
	check(t, err)
	for _, p := range processes {
		if b, err := os.ReadFile(p); err == nil && strings.Contains(string(b), "TMPDIR="+w.temp) {
			fmt.Fprintln(&out, "process", p)
		}
	}
	return out.String()
}

// unchanged does what has to fail, and compares the worlds before and after.
func (w *world) unchanged(t *testing.T, what string, do func()) {
	t.Helper()
	before := w.state(t)
	do()
	if after := w.state(t); after != before {
		t.Errorf("%s changes the world from\n%s\nto\n%s", what, before, after)
	}
}

// TestLyingServers captures from NBD servers that cannot be believed, or that die.
func TestLyingServers(t *testing.T) {
	t.Parallel()
	r, dir := initialize(t, "--no-encryption"), t.TempDir()
	v := newVictim(t, r, "nbd", 40*mib)
	v.change(t, 3*mib, 20*mib)
	v.backup(t)
	w := newWorld(t, r, dir)
	socket := filepath.Join(socketDir(t), "q")
	s := serverOf(t, exec.Command("qemu-nbd", "-r", "-t", "-e", "64", "-f", "raw", "-k", socket, v.path))
	eventually(t, "qemu-nbd listens", func() bool { s.running(t); return listens(socket) })
	var seen atomic.Int64
	extent := func(entry int, do func(length uint32, size int) uint32) tamper {
		return func(kind uint16, p []byte) ([]byte, bool) {
			if kind == typeStatus && len(p) >= statusHeader+8*(entry+1) {
				at := p[statusHeader+8*entry:]
				binary.BigEndian.PutUint32(at, do(binary.BigEndian.Uint32(at), len(p)))
				seen.Add(1)
			}
			return p, false
		}
	}
	for what, lie := range map[string]tamper{
		"an empty extent":         extent(0, func(uint32, int) uint32 { return 0 }),
		"an extent over the next": extent(0, func(uint32, int) uint32 { return 1 << 31 }),
		"a status without extents": func(kind uint16, p []byte) ([]byte, bool) {
			if kind == typeStatus {
				seen.Add(1)
				return p[:statusHeader], false
			}
			return p, false
		},
		"half of the data": func(kind uint16, p []byte) ([]byte, bool) {
			if kind == typeData && len(p) > 8 {
				seen.Add(1)
				return p[:8+(len(p)-8)/2], false
			}
			return p, false
		},
		"data of elsewhere": func(kind uint16, p []byte) ([]byte, bool) {
			if kind == typeData && len(p) > 8 {
				seen.Add(1)
				p[6] ^= 1 // of the offset
			}
			return p, false
		},
		"death": func(kind uint16, p []byte) ([]byte, bool) { return p, kind == typeData && seen.Add(1) > 6 },
	} {
		seen.Store(0)
		uri := unixURI(proxy(t, socket, lie), "")
		w.unchanged(t, what, func() { r.refuses(t, 1, "nbd: disk disk0", "backup", "--machine", "nbd", uri) })
		if seen.Load() == 0 {
			t.Errorf("%s: nothing was changed on the way: %s", what, r.vbackup(t, "backup", "--machine", "nbd", uri).err)
		}
		v.intact(t)
	}
	r.ok(t, "backup", "--machine", "nbd", "vda="+unixURI(proxy(t, socket, func(_ uint16, p []byte) ([]byte, bool) { return p, false }), ""))
	v.committed(t)
	v.intact(t)
}

// TestShrinks cuts a disk off while it is read.
func TestShrinks(t *testing.T) {
	t.Parallel()
	r := initialize(t, "--no-encryption")
	v := newVictim(t, r, "shrinks", 30*mib)
	v.change(t, 0, 30*mib)
	v.backup(t)
	w := newWorld(t, r)
	w.unchanged(t, "a source that shrinks", func() {
		done := make(chan result)
		go func() { done <- finish(t, r.command("vbackup", "backup", "--limit-rate", "10M", "vda="+v.path)) }()
		time.Sleep(800 * time.Millisecond)
		check(t, os.Truncate(v.path, 20*mib))
		if res := <-done; res.code != 1 || !strings.Contains(res.err, v.path) {
			t.Errorf("exit code %d: %s", res.code, res.err)
		}
	})
	v.intact(t)
}

// TestRefusals asks for what cannot be.
func TestRefusals(t *testing.T) {
	t.Parallel()
	r, dir := initialize(t, "--no-encryption"), t.TempDir()
	v := newVictim(t, r, "small", 24*mib)
	v.change(t, 0, 24*mib)
	v.backup(t)
	point := v.past[0].export()
	full, occupied := smallFS(t, "tmpfs", 20*mib), filepath.Join(dir, "occupied")
	check(t, os.MkdirAll(filepath.Join(occupied, "by-date"), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "there.raw"), []byte("precious"), 0o600))
	device := loopDevice(t, 23*mib)
	export := emptyExport(t, 23*mib)
	w := newWorld(t, r, dir, full)
	for _, c := range []struct {
		program string
		code    int
		names   string
		args    []string
	}{
		{"vbfs", 1, occupied, []string{"mount", occupied}},
		{"vbfs", 1, filepath.Join(dir, "nowhere"), []string{"mount", filepath.Join(dir, "nowhere")}},
		{"vbackup", 1, full, []string{"restore", point, filepath.Join(full, "back.raw")}},
		{"vbackup", 1, full, []string{"restore", point, filepath.Join(full, "back.qcow2")}},
		{"vbackup", 1, "there.raw", []string{"restore", point, filepath.Join(dir, "there.raw")}},
		{"vbackup", 1, device, []string{"restore", "--overwrite", point, device}},
		{"vbackup", 1, "smaller", []string{"restore", "--overwrite", point, export}},
		{"vbackup", 1, "nowhere.raw", []string{"backup", filepath.Join(dir, "nowhere.raw")}},
		{"vbackup", 10, "nobody", []string{"restore", "nobody:vda", filepath.Join(dir, "x.raw")}},
		{"vbackup", 1, "q.sock", []string{"backup", "nbd+unix:///d?socket=" + filepath.Join(dir, "q.sock")}},
		{"vbackup", 10, "norepo", []string{"points", "-r", filepath.Join(dir, "norepo")}},
		{"vbfs", 10, "norepo", []string{"serve", "-r", filepath.Join(dir, "norepo"), "--socket", filepath.Join(dir, "s")}},
	} {
		w.unchanged(t, strings.Join(c.args, " "), func() {
			res := finish(t, r.command(c.program, c.args...))
			first, _, _ := strings.Cut(res.err, "\n")
			if res.code != c.code || !strings.Contains(first, c.names) {
				t.Errorf("%s %q: exit code %d, want %d and a sentence with %q: %s", c.program, c.args, res.code, c.code, c.names, res.err)
			}
		})
	}
	if b, err := os.ReadFile(filepath.Join(dir, "there.raw")); err != nil || string(b) != "precious" {
		t.Errorf("what was there: %q (%v)", b, err)
	}
	v.intact(t)
}

// loopDevice makes a block device of zeros, which has to be so at the end, too.
func loopDevice(t *testing.T, size int64) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "loop")
	check(t, os.WriteFile(img, nil, 0o600))
	check(t, os.Truncate(img, size))
	device := strings.TrimSpace(tool(t, "losetup", "-f", "--show", img))
	t.Cleanup(func() {
		tool(t, "losetup", "-d", device)
		check(t, fromFile(&instant{disk: newDisk(size)}, img))
	})
	return device
}

// emptyExport is a writable export of zeros.
func emptyExport(t *testing.T, size int64) string {
	t.Helper()
	socket := filepath.Join(socketDir(t), "s")
	s := serverOf(t, exec.Command("nbdkit", "-f", "-U", socket, "memory", itoa(size)))
	eventually(t, "nbdkit listens", func() bool { s.running(t); return listens(socket) })
	return unixURI(socket, "")
}
