package fs_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"vbfs/fs"
	"vbfs/index"
)

// Many readers of all there is, while points come and go.
func TestParallelReaders(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	want := patchy(11, 8<<20)
	l.backup(shot{machine: "m", at: second(1), disks: []disk{plain("vda", want)}})
	dir := l.mount(fs.Options{})
	name := dir + "/machines/m/2026-11-20T20-03-01Z/disks/vda.raw"
	var g errgroup.Group
	for range 8 {
		g.Go(func() error { return readAtRandom(t, name, want) })
		g.Go(func() error {
			for range 20 {
				if err := filepath.WalkDir(dir, func(string, os.DirEntry, error) error { return nil }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for s := 2; s < 6; s++ {
		l.forget(l.backup(shot{machine: "m", at: second(s), disks: []disk{plain("vda", want[:s<<16])}}))
	}
	check(t, g.Wait())
}

func readAtRandom(t *testing.T, name string, want []byte) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	p := make([]byte, 300000)
	for range 100 {
		off := rand.Int64N(int64(len(want)))
		n, err := f.ReadAt(p[:1+rand.IntN(len(p)-1)], off)
		if err != nil && err != io.EOF {
			return err
		}
		if !bytes.Equal(p[:n], want[off:off+int64(n)]) {
			t.Errorf("%d bytes at %d differ", n, off)
		}
	}
	return nil
}
