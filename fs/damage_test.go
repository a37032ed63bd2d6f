package fs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	vbfs "vbfs/fs"
	"vbfs/index"
	"vbfs/index/block"
)

// Damage is EIO where it is, and right bytes everywhere else: never zeros, never others.
func TestDamage(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	want := patchy(6, 20<<20)
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", want)}})
	l.flip(t, 2000)
	var told atomic.Int64
	dir := l.mount(vbfs.Options{OnError: func(err error) {
		if !errors.Is(err, index.ErrCorrupt) {
			t.Errorf("told of %v", err)
		}
		told.Add(1)
	}})
	f, err := os.Open(dir + "/machines/m/latest/disks/vda.raw")
	check(t, err)
	defer f.Close()
	bad := 0
	for off := 0; off < len(want); off += block.Size {
		p := make([]byte, min(block.Size, len(want)-off))
		if _, err := f.ReadAt(p, int64(off)); err != nil && err != io.EOF {
			if !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			bad++
			continue
		}
		if !bytes.Equal(p, want[off:off+len(p)]) {
			t.Fatalf("wrong bytes at %d", off)
		}
	}
	if bad == 0 || bad > 4 || told.Load() == 0 {
		t.Errorf("%d blocks are damaged, told of %d times", bad, told.Load())
	}
}

// A lost pack is damage, too.
func TestLostPack(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", bytes.Repeat([]byte("x"), 100000))}})
	for _, name := range l.packs(t) {
		check(t, os.Remove(name))
	}
	dir := l.mount(vbfs.Options{})
	if _, err := os.ReadFile(dir + "/machines/m/latest/disks/vda.raw"); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if _, err := os.ReadDir(dir + "/machines/m/latest/partitions"); !errors.Is(err, syscall.EIO) {
		t.Errorf("partitions of a disk that cannot be read: %v", err)
	}
	if _, err := os.ReadFile(dir + "/machines/m/latest/point.json"); err != nil {
		t.Error(err)
	}
}

// packs gives the files of all packs, the largest, which holds data, last.
func (l *lab) packs(t *testing.T) []string {
	t.Helper()
	var names []string
	var largest int64
	check(t, filepath.WalkDir(filepath.Join(l.dir, "packs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if names = append(names, path); info.Size() < largest && len(names) > 1 {
			i := len(names) - 1
			names[i], names[i-1] = names[i-1], names[i]
		}
		largest = max(largest, info.Size())
		return nil
	}))
	return names
}

// flip changes a bit of the data pack.
func (l *lab) flip(t *testing.T, off int64) {
	t.Helper()
	packs := l.packs(t)
	f, err := os.OpenFile(packs[len(packs)-1], os.O_RDWR, 0)
	check(t, err)
	defer f.Close()
	b := make([]byte, 1)
	_, err = f.ReadAt(b, off)
	check(t, err)
	b[0] ^= 1
	_, err = f.WriteAt(b, off)
	check(t, err)
}
