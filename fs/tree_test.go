package fs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vbfs/fs"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/report"
)

const golden = `dr-xr-xr-x 4       
dr-xr-xr-x 3       by-date
dr-xr-xr-x 4       by-date/2026-11-20
dr-xr-xr-x 2       by-date/2026-11-20/20-03-27Z
Lrwxrwxrwx 1    43 by-date/2026-11-20/20-03-27Z/db 1 -> ../../../machines/db 1/2026-11-20T20-03-27Z
Lrwxrwxrwx 1    44 by-date/2026-11-20/20-03-27Z/web01 -> ../../../machines/web01/2026-11-20T20-03-27Z
dr-xr-xr-x 2       by-date/2026-11-20/20-03-28Z
Lrwxrwxrwx 1    44 by-date/2026-11-20/20-03-28Z/web01 -> ../../../machines/web01/2026-11-20T20-03-28Z
dr-xr-xr-x 4       machines
dr-xr-xr-x 3       machines/db 1
dr-xr-xr-x 5       machines/db 1/2026-11-20T20-03-27Z
dr-xr-xr-x 2       machines/db 1/2026-11-20T20-03-27Z/config
dr-xr-xr-x 2       machines/db 1/2026-11-20T20-03-27Z/disks
-r--r--r-- 1  1000 machines/db 1/2026-11-20T20-03-27Z/disks/disk0.raw
-r--r--r-- 1   344 machines/db 1/2026-11-20T20-03-27Z/disks/disk0.vmdk
dr-xr-xr-x 2       machines/db 1/2026-11-20T20-03-27Z/partitions
-r--r--r-- 1       machines/db 1/2026-11-20T20-03-27Z/point.json
Lrwxrwxrwx 1    20 machines/db 1/latest -> 2026-11-20T20-03-27Z
dr-xr-xr-x 4       machines/web01
dr-xr-xr-x 5       machines/web01/2026-11-20T20-03-27Z
dr-xr-xr-x 2       machines/web01/2026-11-20T20-03-27Z/config
-r--r--r-- 1     9 machines/web01/2026-11-20T20-03-27Z/config/config-1
-r--r--r-- 1     8 machines/web01/2026-11-20T20-03-27Z/config/domain.xml
dr-xr-xr-x 2       machines/web01/2026-11-20T20-03-27Z/disks
-r--r--r-- 1 70000 machines/web01/2026-11-20T20-03-27Z/disks/vda.raw
-r--r--r-- 1   344 machines/web01/2026-11-20T20-03-27Z/disks/vda.vmdk
dr-xr-xr-x 2       machines/web01/2026-11-20T20-03-27Z/partitions
-r--r--r-- 1       machines/web01/2026-11-20T20-03-27Z/point.json
dr-xr-xr-x 5       machines/web01/2026-11-20T20-03-28Z
dr-xr-xr-x 2       machines/web01/2026-11-20T20-03-28Z/config
dr-xr-xr-x 2       machines/web01/2026-11-20T20-03-28Z/disks
dr-xr-xr-x 2       machines/web01/2026-11-20T20-03-28Z/partitions
-r--r--r-- 1       machines/web01/2026-11-20T20-03-28Z/point.json
Lrwxrwxrwx 1    20 machines/web01/latest -> 2026-11-20T20-03-27Z
`

func goldenLab(t *testing.T) *lab {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	l.backup(shot{machine: "web01", at: second(27), disks: []disk{plain("vda", patchy(1, 70000))}, edit: func(m *format.Manifest) {
		m.Configs = []format.ConfigFile{{Kind: "libvirt-domain", Name: "domain.xml", Data: []byte("<domain>")},
			{Kind: "nvram", Name: "../nvram", Data: []byte("variables")}}
	}})
	l.backup(shot{machine: "web01", at: second(28), edit: func(m *format.Manifest) {
		m.Disks = []format.Disk{{Name: "vda", Size: 70000, State: format.DiskFailed, Reason: "input/output error"}}
	}})
	l.backup(shot{machine: "db 1", at: second(27), disks: []disk{plain("disk0", patchy(2, 1000))}})
	return l
}

func TestTree(t *testing.T) {
	dir := goldenLab(t).mount(fs.Options{})
	var got strings.Builder
	err := filepath.WalkDir(dir, func(path string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size, target := "", ""
		if !d.IsDir() && d.Name() != "point.json" { // which tells the compressed size
			size = fmt.Sprint(info.Size())
		}
		if to, err := os.Readlink(path); err == nil {
			target = " -> " + to
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
		}
		name := strings.TrimPrefix(strings.TrimPrefix(path, dir), "/")
		fmt.Fprintf(&got, "%v %d %5s %s%s\n", info.Mode(), info.Sys().(*syscall.Stat_t).Nlink, size, name, target)
		return nil
	})
	check(t, err)
	if got.String() != golden {
		t.Errorf("got\n%s", got.String())
	}
}

func TestFacts(t *testing.T) {
	l := goldenLab(t)
	dir := l.mount(fs.Options{})
	point := filepath.Join(dir, "machines/web01/2026-11-20T20-03-27Z")
	for _, name := range []string{"", "point.json", "config/domain.xml", "disks", "disks/vda.raw", "disks/vda.vmdk"} {
		st, err := os.Stat(filepath.Join(point, name))
		check(t, err)
		if !st.ModTime().Equal(second(27)) {
			t.Errorf("%s: mtime %v", name, st.ModTime())
		}
	}
	if got := string(readFile(t, point+"/config/domain.xml")); got != "<domain>" {
		t.Errorf("configuration %q", got)
	}
	if got := string(readFile(t, point+"/config/config-1")); got != "variables" {
		t.Errorf("configuration %q", got)
	}
	var p report.Point
	check(t, json.Unmarshal(readFile(t, point+"/point.json"), &p))
	if p.Machine != "web01" || p.Name != "2026-11-20T20-03-27Z" || !p.Time.Equal(second(27)) || len(p.Disks) != 1 || p.Disks[0].Size != 70000 {
		t.Errorf("point.json says %+v", p)
	}
	var all unix.Statfs_t
	check(t, unix.Statfs(dir, &all))
	if all.Blocks*uint64(all.Bsize) < 1000 || all.Bfree != 0 || all.Namelen != 255 || all.Flags&unix.ST_RDONLY == 0 {
		t.Errorf("statfs %+v", all)
	}
	if _, err := unix.Getxattr(point+"/disks/vda.raw", "user.none", nil); err != unix.ENODATA {
		t.Errorf("getxattr: %v", err)
	}
	if n, err := unix.Listxattr(point+"/disks/vda.raw", nil); n != 0 || err != nil {
		t.Errorf("listxattr: %d, %v", n, err)
	}
}

func TestAbsentNames(t *testing.T) {
	dir := goldenLab(t).mount(fs.Options{})
	for _, name := range []string{
		"x", "by-date/2026-11-21", "by-date/2026-11-20/20-03-26Z", "by-date/2026-11-20/20-03-27Z/x", "machines/x",
		"machines/web01/x", "machines/web01/latest/x", "machines/web01/latest/disks/x", "machines/web01/latest/disks/x.raw",
		"machines/web01/latest/disks/x.vmdk", "machines/web01/latest/disks/vda", "machines/web01/latest/config/x",
		"machines/web01/latest/partitions/vda1.raw", "machines/web01/2026-11-20T20-03-28Z/disks/vda.raw",
	} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Numbers are the same in every mount, and each thing has its own.
func TestNumbersAreStable(t *testing.T) {
	l := goldenLab(t)
	numbers := func(dir string) map[string]uint64 {
		out := map[string]uint64{}
		check(t, filepath.WalkDir(dir, func(path string, d iofs.DirEntry, err error) error {
			if err != nil || path == dir {
				return err
			}
			info, err := d.Info()
			out[strings.TrimPrefix(path, dir)] = info.Sys().(*syscall.Stat_t).Ino
			return err
		}))
		return out
	}
	a, b := numbers(l.mount(fs.Options{})), numbers(l.mount(fs.Options{}))
	seen := map[uint64]string{}
	for name, ino := range a {
		if b[name] != ino {
			t.Errorf("%s is %d here and %d there", name, ino, b[name])
		}
		if other, ok := seen[ino]; ok {
			t.Errorf("%s and %s have one number", name, other)
		}
		seen[ino] = name
	}
}

// Two machines may come to have one name, and their points, too.
func TestMachinesOfOneName(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	rename := func(m *format.Manifest) { m.MachineName = "twin" }
	l.backup(shot{machine: "a", at: second(1), disks: []disk{plain("vda", []byte("first"))}, edit: rename})
	l.backup(shot{machine: "b", at: second(1), disks: []disk{plain("vda", []byte("other"))}, edit: rename})
	dir := l.mount(fs.Options{})
	for _, pattern := range []string{"machines/twin/2026*/disks/vda.raw", "by-date/2026-11-20/20-03-01Z/*/disks/vda.raw"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		check(t, err)
		got := map[string]bool{}
		for _, name := range names {
			got[string(readFile(t, name))] = true
		}
		if len(names) != 2 || !got["first"] || !got["other"] {
			t.Errorf("%s: %q holds %v", pattern, names, got)
		}
	}
}

// Many points are listed and entered without delay.
func TestManyPoints(t *testing.T) {
	l := newLab(t, index.InitOptions{NoEncryption: true})
	for i := range 200 {
		l.backup(shot{machine: "m", at: second(0).Add(time.Duration(i) * time.Hour)})
	}
	dir := l.mount(fs.Options{})
	start := time.Now()
	entries, err := os.ReadDir(filepath.Join(dir, "machines/m"))
	check(t, err)
	if len(entries) != 201 {
		t.Errorf("%d entries", len(entries))
	}
	for _, e := range entries {
		if _, err := os.ReadDir(filepath.Join(dir, "machines/m", e.Name())); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
}
