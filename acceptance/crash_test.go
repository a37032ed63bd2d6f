package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/index"
)

// A victim is a plain disk that is backed up by programs that come to grief.
type victim struct {
	r    *repository
	path string
	now  *disk
	rnd  *rand.ChaCha8
	past []*instant
}

func newVictim(t *testing.T, r *repository, name string, size int64) *victim {
	t.Helper()
	v := &victim{r: r, path: filepath.Join(t.TempDir(), name+".raw"), now: newDisk(size), rnd: rand.NewChaCha8([32]byte{byte(*seed)})}
	check(t, os.WriteFile(v.path, nil, 0o600))
	check(t, os.Truncate(v.path, size))
	return v
}

// change writes bytes that nobody has seen.
func (v *victim) change(t *testing.T, off, n int64) {
	t.Helper()
	f, err := os.OpenFile(v.path, os.O_WRONLY, 0)
	check(t, err)
	defer f.Close()
	for p := make([]byte, mib); n > 0; off, n = off+int64(len(p)), n-int64(len(p)) {
		p = p[:min(n, mib)]
		v.rnd.Read(p)
		v.now.write(p, off)
		_, err := f.WriteAt(p, off)
		check(t, err)
	}
}

// load takes over what another program wrote.
func (v *victim) load(t *testing.T, off, n int64) {
	t.Helper()
	f, err := os.Open(v.path)
	check(t, err)
	defer f.Close()
	p := make([]byte, n)
	_, err = f.ReadAt(p, off)
	check(t, err)
	v.now.write(p, off)
}

// backup makes a point, which must work.
func (v *victim) backup(t *testing.T) {
	t.Helper()
	v.r.ok(t, "backup", "--workers", "1", "vda="+v.path)
	v.committed(t)
}

// committed notes the newest point, which holds what the disk holds.
func (v *victim) committed(t *testing.T) {
	t.Helper()
	points := v.r.points(t)
	p := points[len(points)-1]
	v.past = append(v.past, &instant{p.Machine, p.ID, p.Name, v.now.copy()})
	if len(points) != len(v.past) {
		t.Fatalf("%d points, want %d", len(points), len(v.past))
	}
}

// intact proves that nothing was lost.
func (v *victim) intact(t *testing.T) {
	t.Helper()
	if points := v.r.points(t); len(points) != len(v.past) {
		t.Fatalf("%d points, want %d", len(points), len(v.past))
	}
	v.r.whole(t)
	repo := v.r.open(t)
	for _, in := range v.past {
		check(t, in.whole(t.Context(), repo))
	}
	v.once(t, repo)
}

// once proves that no block is stored twice.
func (v *victim) once(t *testing.T, repo *index.Repository) {
	t.Helper()
	seen := map[string]string{}
	for _, path := range v.r.packs(t) {
		name, err := filepath.Rel(v.r.dir, path)
		check(t, err)
		d, err := repo.Dump(t.Context(), name)
		check(t, err)
		p := d.(*index.PackDump)
		if p.Kind != "data pack" {
			continue
		}
		for _, b := range p.Blocks {
			if other, ok := seen[b.ID]; ok {
				t.Fatalf("block %s lies in %s and in %s", b.ID, other, name)
			}
			seen[b.ID] = name
		}
	}
	if len(seen) == 0 {
		t.Fatal("no block at all")
	}
}

// TestKilled kills backups at random moments. What packs they had sealed the next one finds and does not store again.
func TestKilled(t *testing.T) {
	t.Parallel()
	v := newVictim(t, initialize(t, "--no-encryption", "--compression", "none"), "killed", 300*mib+77)
	v.change(t, 0, 10*mib)
	v.backup(t)
	v.change(t, 10*mib, 200*mib)
	rnd := rand.New(v.rnd)
	took, orphans := 400*time.Millisecond, 0
	for round := 0; round < 6 || orphans == 0; round++ {
		if round == 40 {
			t.Fatal("no killed backup ever left a pack")
		}
		packs := len(v.r.packs(t))
		start := time.Now()
		if v.kill(t, time.Duration(rnd.Int64N(int64(took*5/4)))) {
			took = time.Since(start)
			v.committed(t)
			v.change(t, rnd.Int64N(60)*mib, 150*mib)
			continue
		}
		if len(v.r.packs(t)) > packs {
			orphans++
		}
		took += took / 8 // until it is long enough
		v.r.ok(t, "verify")
	}
	v.backup(t)
	v.intact(t)
	v.r.tidy(t)
}

// TestKilledAtSteps kills backups where they give names to objects, take them away, and make them durable: also between
// what they tell the table and the commit.
func TestKilledAtSteps(t *testing.T) {
	t.Parallel()
	v := newVictim(t, initialize(t, "--no-encryption"), "steps", 5*mib)
	v.change(t, 0, mib)
	v.backup(t)
	for _, call := range []string{"linkat", "unlinkat", "fsync"} {
		for when := 1; when <= 5; when++ { // in each thread: which step that is, the scheduler decides
			v.change(t, 0, mib)
			cmd := v.r.command("vbackup", "backup", "--workers", "1", "vda="+v.path)
			args := []string{"strace", "-f", "-o", "/dev/null", "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, when), cmd.Path}
			cmd.Path, cmd.Args = "/usr/bin/strace", append(args, cmd.Args[1:]...)
			res := finish(t, cmd)
			if n := len(v.r.points(t)); n > len(v.past) {
				v.committed(t)
			} else if res.code == 0 {
				t.Errorf("killed at %s %d: exit code 0, and no point", call, when)
			}
			v.backup(t)
		}
	}
	v.intact(t)
	v.r.tidy(t)
}

// kill begins a backup and kills it after a while. It tells whether that was too late.
func (v *victim) kill(t *testing.T, after time.Duration) bool {
	t.Helper()
	cmd := v.r.command("vbackup", "backup", "--workers", "1", "vda="+v.path)
	var said bytes.Buffer
	cmd.Stderr = &said
	check(t, cmd.Start())
	defer time.AfterFunc(after, func() { cmd.Process.Kill() }).Stop()
	err := cmd.Wait()
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); err != nil && !s.Signaled() {
		t.Fatalf("%v: %s", err, said.String())
	}
	points := v.r.points(t)
	if err == nil && len(points) != len(v.past)+1 {
		t.Fatalf("a backup that succeeded left %d points, want %d", len(points), len(v.past)+1)
	}
	return len(points) > len(v.past)
}

// tidy looks for what nobody needs.
func (r *repository) tidy(t *testing.T) {
	t.Helper()
	for _, folder := range []string{"sessions/*", "pending/*", ".tmp/*", ".[^t]*"} { // the table sweeps after an hour
		left, err := filepath.Glob(filepath.Join(r.dir, folder))
		check(t, err)
		if left != nil {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestNoSpace backs up to a file system that fills up, at every step of a backup down to the last.
func TestNoSpace(t *testing.T) {
	t.Parallel()
	for _, fstype := range []string{"tmpfs", "ext4"} {
		t.Run(fstype, func(t *testing.T) {
			t.Parallel()
			dir := smallFS(t, fstype, 48*mib)
			v := newVictim(t, initializeAt(t, filepath.Join(dir, "repo"), "--no-encryption"), "full", 20*mib+5)
			v.change(t, 0, 4*mib)
			v.backup(t)
			for _, room := range []int64{0, 4, 8, 40, 300, 3000, 6080, 6120, 6136, 6144, 6148, 6152, 6156, 6160, 6164, 6168, 6172, 6180} {
				v.change(t, 4*mib, 6*mib)
				release := fill(t, dir, room<<10)
				v.fails(t, "no space left")
				release()
			}
			v.backup(t)
			v.change(t, 0, mib)
			v.backup(t)
			v.r.whole(t)
			for _, in := range v.past {
				check(t, in.whole(t.Context(), v.r.open(t)))
			}
			v.r.tidy(t)
		})
	}
}

// fails runs a backup that either fails, says so and changes no point, or makes one.
func (v *victim) fails(t *testing.T, says string) {
	t.Helper()
	res := v.r.vbackup(t, "backup", "--workers", "1", "vda="+v.path)
	switch {
	case res.code == 0:
		v.committed(t)
	case res.code != 1 || !strings.Contains(res.err, says):
		t.Errorf("exit code %d: %s", res.code, res.err)
	default:
		if points := v.r.points(t); len(points) != len(v.past) {
			t.Errorf("a backup that failed left %d points, want %d: %s", len(points), len(v.past), res.err)
		}
		v.r.ok(t, "verify")
	}
}

// smallFS mounts a file system of its own until the test ends.
func smallFS(t *testing.T, fstype string, size int64) string {
	t.Helper()
	dir := t.TempDir()
	if fstype == "tmpfs" {
		tool(t, "mount", "-t", "tmpfs", "-o", "size="+itoa(size), "tmpfs", dir)
	} else {
		img := filepath.Join(t.TempDir(), "fs.img")
		check(t, os.WriteFile(img, nil, 0o600))
		check(t, os.Truncate(img, size))
		tool(t, "mkfs.ext4", "-q", "-m", "0", img)
		tool(t, "mount", "-o", "loop", img, dir)
	}
	t.Cleanup(func() { tool(t, "umount", dir) })
	return dir
}

// fill leaves so many bytes free.
func fill(t *testing.T, dir string, room int64) (release func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	check(t, err)
	defer f.Close()
	var st syscall.Statfs_t
	check(t, syscall.Statfs(dir, &st))
	left := int64(st.Bavail)*st.Bsize - room
	for off, step := int64(0), left; left > 0 && step >= 4096; {
		err := syscall.Fallocate(int(f.Fd()), 0, off, min(step, left))
		if errors.Is(err, syscall.ENOSPC) { // the map of the ballast takes room as well
			step /= 2
			continue
		}
		check(t, err)
		off, left = off+min(step, left), left-min(step, left)
	}
	return func() { check(t, os.Remove(name)) }
}

// TestFsyncFails has the kernel say that it could not write: the point is not there, and the program says so.
func TestFsyncFails(t *testing.T) {
	t.Parallel()
	v := newVictim(t, initialize(t, "--no-encryption"), "fsync", 5*mib)
	v.change(t, 0, mib)
	v.backup(t)
	hit := map[string]bool{}
	for when := 1; when <= 10; when++ { // of any file; of which, the scheduler decides
		v.withInjection(t, when, nil, hit)
	}
	for _, folders := range []string{"points/*", "pending", "sessions", "packs/*"} { // of the folder that holds the name
		v.withInjection(t, 1, v.folders(t, folders), hit)
	}
	for _, path := range []string{"packs", "points", "pending", "sessions"} {
		if !hit[path+" folder"] {
			t.Errorf("no fsync of a folder of %s was made to fail: %v", path, hit)
		}
	}
	v.intact(t)
	v.r.tidy(t)
}

// folders gives the paths of folders, of packs all that there can be.
func (v *victim) folders(t *testing.T, pattern string) (out []string) {
	t.Helper()
	if pattern == "packs/*" {
		for i := range 256 {
			out = append(out, filepath.Join(v.r.dir, "packs", fmt.Sprintf("%02x", i)))
		}
		return out
	}
	out, err := filepath.Glob(filepath.Join(v.r.dir, pattern))
	check(t, err)
	return out
}

// withInjection runs a backup in which every thread's n-th fsync fails. That may be survived where it is of the table, or
// of what is removed once the point is there.
func (v *victim) withInjection(t *testing.T, n int, paths []string, hit map[string]bool) {
	t.Helper()
	v.change(t, 0, mib)
	res, injected := v.injected(t, n, paths)
	fatal := false
	for _, where := range injected {
		hit[where] = true
		fatal = fatal || !strings.HasPrefix(where, "table") && !strings.Contains(res.err, "not tidied up")
	}
	points := v.r.points(t)
	switch {
	case fatal && res.code != 1, injected == nil && res.code != 0:
		t.Errorf("exit code %d; fsync failed of %v: %s", res.code, injected, res.err)
	case res.code == 1 && !strings.Contains(res.err, "input/output error"):
		t.Errorf("it does not say why: %s", res.err)
	case res.code == 0 && len(points) == len(v.past), res.code != 0 && len(points) > len(v.past) && !fatal:
		t.Errorf("exit code %d and %d points after %d; fsync failed of %v: %s", res.code, len(points), len(v.past), injected, res.err)
	}
	if len(points) > len(v.past) {
		v.committed(t)
	}
	v.r.whole(t)
}

// injected gives the top folders in which an fsync failed.
func (v *victim) injected(t *testing.T, n int, paths []string) (res result, where []string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	args := []string{"strace", "-f", "-y", "-o", log, "-e", "trace=fsync,fdatasync",
		"-e", fmt.Sprintf("inject=fsync,fdatasync:error=EIO:when=%d", n)}
	for _, path := range paths {
		args = append(args, "-P", path)
	}
	cmd := v.r.command("vbackup", "backup", "--workers", "1", "vda="+v.path)
	cmd.Path, cmd.Args = "/usr/bin/strace", append(args, append([]string{cmd.Path}, cmd.Args[1:]...)...)
	res = finish(t, cmd)
	b, err := os.ReadFile(log)
	check(t, err)
	return res, v.hit(string(b))
}

// hit gives the top folders of the repository in which, by strace's log, an fsync was made to fail. A call that another
// thread's interrupted has two lines.
func (v *victim) hit(log string) (where []string) {
	last := map[string]string{} // by thread
	for line := range strings.Lines(log) {
		thread, _, _ := strings.Cut(line, " ")
		if _, path, ok := strings.Cut(line, "<"+v.r.dir); ok {
			path, _, _ = strings.Cut(path, ">")
			last[thread] = path
		}
		if !strings.Contains(line, "INJECTED") {
			continue
		}
		parts := strings.Split(last[thread], "/") // of /packs/ab/#123
		where = append(where, parts[min(1, len(parts)-1)])
		if !strings.HasPrefix(parts[len(parts)-1], "#") { // which a file without a name has
			where[len(where)-1] += " folder"
		}
	}
	return where
}
