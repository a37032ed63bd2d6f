package fs_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/fs"
	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
)

// soon is what users are promised, and a little for a busy machine.
const soon = time.Second + 700*time.Millisecond

// A point made elsewhere shows within a second, everywhere.
func TestNewPointAppears(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", []byte("one"))}})
	dir := l.mount(fs.Options{})
	content := func() string { b, _ := os.ReadFile(dir + "/machines/m/latest/disks/vda.raw"); return string(b) }
	if got := content(); got != "one" {
		t.Fatal(got)
	}
	names := []string{"/machines/m/2026-11-20T20-03-02Z", "/by-date/2026-11-20/20-03-02Z/m", "/machines/n", "/by-date/2026-11-20/20-03-03Z"}
	for _, name := range names {
		if _, err := os.Stat(dir + name); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	l.backup(shot{machine: "m", at: second(2), disks: []disk{plain("vda", []byte("two"))}})
	l.backup(shot{machine: "n", at: second(3)})
	eventually(t, soon, "all names are there", func() bool {
		for _, name := range names {
			if _, err := os.Stat(dir + name); err != nil {
				return false
			}
		}
		return content() == "two"
	})
	entries, err := os.ReadDir(dir + "/machines/m")
	check(t, err)
	if len(entries) != 3 {
		t.Errorf("machines/m lists %v", entries)
	}
}

// A partial point never becomes the latest.
func TestPartialPointIsNotLatest(t *testing.T) {
	dir := goldenLab(t).mount(fs.Options{})
	to, err := os.Readlink(dir + "/machines/web01/latest")
	check(t, err)
	if to != "2026-11-20T20-03-27Z" {
		t.Errorf("latest -> %s", to)
	}
}

// A forgotten point goes from listings within a second, and who has it open reads on.
func TestForgottenPoint(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	want := patchy(5, 3<<20)
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", want[:1<<20])}})
	gone := l.backup(shot{machine: "m", at: second(2), disks: []disk{plain("vda", want)}})
	dir := l.mount(fs.Options{})
	f, err := os.Open(dir + "/machines/m/latest/disks/vda.raw")
	check(t, err)
	defer f.Close()
	folder, err := os.Open(dir + "/machines/m/latest/disks")
	check(t, err)
	defer folder.Close()
	p := make([]byte, block.Size)
	_, err = f.ReadAt(p, 0)
	check(t, err)

	l.forget(gone)
	eventually(t, soon, "names are gone, latest is the one before", func() bool {
		_, err := os.Stat(dir + "/machines/m/2026-11-20T20-03-02Z")
		_, errDate := os.Stat(dir + "/by-date/2026-11-20/20-03-02Z")
		to, _ := os.Readlink(dir + "/machines/m/latest")
		return errors.Is(err, os.ErrNotExist) && errors.Is(errDate, os.ErrNotExist) && to == "2026-11-20T20-03-01Z"
	})
	got := make([]byte, len(want))
	_, err = f.ReadAt(got, 0)
	check(t, err)
	if !bytes.Equal(got, want) {
		t.Error("the open file changed")
	}
	names, err := folder.Readdirnames(0)
	check(t, err)
	if len(names) != 2 {
		t.Errorf("the open folder lists %v", names)
	}
}

// A point that goes between its listing and its opening is absent, not damaged.
func TestForgottenBeforeOpened(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	m := l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", []byte("x"))}})
	dir := l.mount(fs.Options{OnError: func(err error) { t.Error(err) }})
	if _, err := os.Stat(dir + "/machines/m/latest/disks/vda.raw"); err != nil {
		t.Fatal(err)
	}
	l.forget(m)
	if _, err := os.ReadFile(dir + "/machines/m/latest/disks/vda.raw"); !errors.Is(err, syscall.ESTALE) && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// forget removes a point's manifest, which is all that makes it exist.
func (l *lab) forget(m *format.Manifest) {
	l.t.Helper()
	names, err := filepath.Glob(filepath.Join(l.dir, "points/*", m.Point.String()+"*"))
	check(l.t, err)
	if len(names) != 1 || !strings.Contains(names[0], m.Point.String()) {
		l.t.Fatalf("manifests: %v", names)
	}
	check(l.t, os.Remove(names[0]))
}
