package acceptance

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFileSystems mounts file systems from the images in a mounted repository: each has the files that the source had
// then.
func TestFileSystems(t *testing.T) {
	t.Parallel()
	kinds := []struct{ name, mkfs, options string }{
		{"ext4", "mkfs.ext4 -q", "ro,noload"},
		{"xfs", "mkfs.xfs -q", "ro,norecovery,nouuid"},
		{"btrfs", "mkfs.btrfs -q", "ro,rescue=nologreplay"},
	}
	r, dir := initialize(t), t.TempDir()
	args := []string{"backup", "--machine", "fs"}
	for _, k := range kinds {
		img := filepath.Join(dir, k.name)
		check(t, os.WriteFile(img, nil, 0o600))
		check(t, os.Truncate(img, 320*mib))
		tool(t, "sh", "-c", k.mkfs+" "+img)
		args = append(args, k.name+"="+img)
	}
	var states []map[string]map[string]string // by date and kind
	for date := range 2 {
		state := map[string]map[string]string{}
		for i, k := range kinds {
			state[k.name] = grow(t, filepath.Join(dir, k.name), uint64(10*date+i), date)
		}
		states = append(states, state)
		r.ok(t, args...)
	}
	tree := r.mount(t)
	for date, p := range r.points(t) {
		for _, k := range kinds {
			at := t.TempDir()
			img := filepath.Join(tree, "machines/fs", p.Name, "disks", k.name+".raw")
			tool(t, "mount", "-t", k.name, "-o", "loop,nodev,nosuid,noexec,"+k.options, img, at)
			got := filesOf(t, at)
			tool(t, "umount", at)
			if want := states[date][k.name]; !maps.Equal(got, want) {
				t.Errorf("%s at %s: %v, want %v", k.name, p.Name, got, want)
			}
		}
	}
}

// grow mounts an image and adds files to it, and changes some that are there. It gives what there is then.
func grow(t *testing.T, img string, dice uint64, date int) map[string]string {
	t.Helper()
	at := t.TempDir()
	tool(t, "mount", "-o", "loop", img, at)
	defer tool(t, "umount", at)
	noise := rand.NewChaCha8([32]byte{byte(dice)})
	rnd := rand.New(noise)
	for i := range 40 {
		name := filepath.Join(at, fmt.Sprintf("dir%d", i%7), fmt.Sprintf("file%d-%d", i, date*rnd.IntN(2)))
		check(t, os.MkdirAll(filepath.Dir(name), 0o755))
		p := make([]byte, rnd.IntN(300<<10))
		noise.Read(p)
		check(t, os.WriteFile(name, p, fs.FileMode(0o600+rnd.IntN(0o100))))
	}
	os.Remove(filepath.Join(at, "link"))
	check(t, os.Symlink(fmt.Sprint("dir", date), filepath.Join(at, "link")))
	return filesOf(t, at)
}

// filesOf gives every file: its owner, mode, time and content.
func filesOf(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	check(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		says := fmt.Sprintf("%v %d:%d %d", info.Mode(), st.Uid, st.Gid, info.ModTime().UnixNano())
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			check(t, err)
			says += " -> " + to
		case d.Type().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			says += fmt.Sprintf(" %x", sha256.Sum256(b))
		}
		all[strings.TrimPrefix(path, root)] = says
		return nil
	}))
	if len(all) < 40 {
		t.Fatalf("%d files", len(all))
	}
	return all
}
