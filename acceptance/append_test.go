package acceptance

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/report"
)

// A vault is a repository on ext4 that root has sealed as README.md says. What drives it is an ordinary user.
type vault struct {
	*repository
	scripts string // the README's
	disk    string
}

func newVault(t *testing.T) *vault {
	t.Helper()
	top, err := os.MkdirTemp("", "v") // which the user may walk into
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(top) })
	check(t, os.Chmod(top, 0o755))
	tool(t, "cp", program("vbackup"), program("vbfs"), top)
	image, mnt := filepath.Join(top, "image"), filepath.Join(top, "mnt")
	tool(t, "truncate", "-s", "256M", image)
	tool(t, "mkfs.ext4", "-q", "-m", "0", image)
	check(t, os.Mkdir(mnt, 0o755))
	tool(t, "mount", "-o", "loop,barrier=0", image, mnt) // no power fails here
	t.Cleanup(func() { tool(t, "umount", mnt) })
	v := &vault{&repository{dir: filepath.Join(mnt, "repo")}, top, filepath.Join(top, "web01.raw")}
	v.write(t, 1)
	tool(t, "install", "-d", "-o", "backup", "-g", "backup", "-m", "700", v.dir)
	v.does(t, "init", "--no-encryption")
	return v
}

// write puts new bytes into the disk that is backed up.
func (v *vault) write(t *testing.T, seed byte) {
	t.Helper()
	b := make([]byte, 5<<20)
	rand.NewChaCha8([32]byte{seed}).Read(b[:2<<20])
	check(t, os.WriteFile(v.disk, b, 0o644))
}

// as gives a command of the user that backups run as.
func (v *vault) as(args ...string) *exec.Cmd {
	cmd := exec.Command("setpriv", append([]string{"--reuid", "backup", "--regid", "backup", "--clear-groups"}, args...)...)
	cmd.Dir = v.scripts
	cmd.Env = []string{"PATH=" + v.scripts + ":" + os.Getenv("PATH"), "VBACKUP_REPO=" + v.dir}
	return cmd
}

func (v *vault) vbackup(t *testing.T, args ...string) result {
	t.Helper()
	return finish(t, v.as(append([]string{"vbackup"}, args...)...))
}

func (v *vault) does(t *testing.T, args ...string) string {
	t.Helper()
	res := v.vbackup(t, args...)
	if res.code != 0 {
		t.Fatalf("vbackup %q: exit code %d: %s%s", args, res.code, res.out, res.err)
	}
	return res.out
}

// script runs a script of the README, with other places and flags.
func (v *vault) script(t *testing.T, name string, replace ...string) result {
	t.Helper()
	b, err := os.ReadFile("../README.md")
	check(t, err)
	for _, block := range strings.Split(string(b), "```\n") {
		if lines := strings.SplitN(block, "\n", 3); len(lines) == 3 && strings.HasPrefix(lines[1], "# /usr/local/sbin/"+name+":") {
			places := append(replace, " VBACKUP_PASSWORD_FILE=/etc/vbackup.password", "", "/srv/backup", v.dir, "/usr/local/sbin", v.scripts)
			file := filepath.Join(v.scripts, name)
			check(t, os.WriteFile(file, []byte(strings.NewReplacer(places...).Replace(block)), 0o755))
			cmd := exec.Command(file)
			cmd.Env = []string{"PATH=" + v.scripts + ":" + os.Getenv("PATH")}
			return finish(t, cmd)
		}
	}
	t.Fatalf("README.md has no script %s", name)
	return result{}
}

func (v *vault) seal(t *testing.T) {
	t.Helper()
	if res := v.script(t, "vbackup-seal"); res.code != 0 || res.err != "" {
		t.Fatalf("seal: %d: %s", res.code, res.err)
	}
}

// unsealed are the folders that the README leaves open.
var unsealed = []string{"sessions", "pending", "table", ".tmp"}

// each calls do for all files and folders that are sealed.
func (v *vault) each(t *testing.T, do func(path string, d fs.DirEntry)) {
	t.Helper()
	check(t, filepath.WalkDir(v.dir, func(path string, d fs.DirEntry, err error) error {
		for _, folder := range unsealed {
			if path == filepath.Join(v.dir, folder) {
				return filepath.SkipDir
			}
		}
		if err == nil {
			do(path, d)
		}
		return err
	}))
}

// bytes gives what all sealed files hold.
func (v *vault) bytes(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	v.each(t, func(path string, d fs.DirEntry) {
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			check(t, err)
			all[path] = string(b)
		}
	})
	return all
}

// kept proves that all files are what they were; there may be more.
func (v *vault) kept(t *testing.T, was map[string]string) {
	t.Helper()
	is := v.bytes(t)
	for name, b := range was {
		if is[name] != b {
			t.Errorf("%s was changed", name)
		}
	}
}

// holds proves that a point has these bytes.
func (v *vault) holds(t *testing.T, point string, want []byte) {
	t.Helper()
	if got := v.does(t, "restore", point, "-"); got != string(want) {
		t.Errorf("%s came back with other bytes", point)
	}
}

// In a sealed repository everything works that adds, and nothing that deletes.
func TestAppendOnly(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.does(t, "backup", v.disk)
	v.seal(t)
	was := v.bytes(t)
	first, err := os.ReadFile(v.disk)
	check(t, err)
	v.write(t, 2)
	second, err := os.ReadFile(v.disk)
	check(t, err)
	v.does(t, "backup", v.disk)
	v.seal(t)
	v.does(t, "backup", v.disk)
	points := v.points(t)
	for _, args := range [][]string{
		{"verify", "--read-data"}, {"protect", "web01"}, {"protect", "--off", "web01"},
	} {
		v.does(t, args...)
		v.seal(t)
		v.does(t, args...) // and once more: what is newer takes the place of what stays
	}
	for _, command := range []string{"check", "stats", "rebuild-table", "unlock", "points"} {
		v.does(t, command)
	}
	v.holds(t, "web01@"+points[0].Name, first)
	v.holds(t, "web01@"+points[2].Name, second)
	v.reads(t, points[0], first)
	v.copies(t)
	v.kept(t, was)
	v.refusesToDelete(t, points)
	if out := v.does(t, "doctor"); !strings.Contains(out, "append-only here") {
		t.Errorf("doctor: %s", out)
	}
}

// reads reads a point through a mount and an export.
func (v *vault) reads(t *testing.T, p report.Point, want []byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(v.mount(t), "machines/web01", p.Name, "disks/disk0.raw"))
	check(t, err)
	if !bytes.Equal(b, want) {
		t.Error("the mount has other bytes")
	}
	to := filepath.Join(t.TempDir(), "copy")
	tool(t, "nbdcopy", unixURI(v.serve(t), "web01@"+p.Name+":disk0"), to)
	b, err = os.ReadFile(to)
	check(t, err)
	if !bytes.Equal(b, want) {
		t.Error("the export has other bytes")
	}
}

// copies copies from another repository into the sealed one, and back.
func (v *vault) copies(t *testing.T) {
	t.Helper()
	other := initialize(t, "--no-encryption")
	disk := filepath.Join(t.TempDir(), "db01.raw")
	check(t, os.WriteFile(disk, bytes.Repeat([]byte("db"), 1<<20), 0o600))
	other.ok(t, "backup", disk)
	for _, dir := range []string{filepath.Dir(filepath.Dir(other.dir)), filepath.Dir(other.dir)} {
		check(t, os.Chmod(dir, 0o755))
	}
	tool(t, "chown", "-R", "backup:backup", other.dir)
	v.does(t, "copy", "-r", other.dir, "--to", v.dir, "--all")
	v.does(t, "copy", "--to", other.dir, "--all")
	v.holds(t, "db01", bytes.Repeat([]byte("db"), 1<<20))
}

// refusesToDelete tries to, also what is not sealed yet together with what is.
func (v *vault) refusesToDelete(t *testing.T, points []report.Point) {
	t.Helper()
	v.history(t, "app01", func(*format.Manifest) {}, time.Unix(1e9, 0), time.Unix(2e8, 0)) // the first to go, and not sealed
	for range 2 {
		was := v.bytes(t)
		for _, args := range [][]string{
			{"forget", "--keep-last", "1"}, {"forget", "--keep-last", "1", "--prune"}, {"prune", "--max-unused", "0"},
			{"forget", "app01@2001-09-09T01-46-40Z", "web01@" + points[1].Name},
		} {
			res := v.vbackup(t, args...)
			if res.code != 1 || !strings.Contains(res.err, "append-only here") || !strings.Contains(res.err, "run forget and prune where it may delete") {
				t.Errorf("vbackup %q: exit code %d: %s", args, res.code, res.err)
			}
		}
		if is := v.bytes(t); len(is) != len(was) {
			t.Errorf("%d files have become %d", len(was), len(is))
		}
		v.kept(t, was)
		v.seal(t)
	}
}

// Whoever has the backup host cannot take away or change what was sealed, and not even root can before it lifts that.
func TestAppendOnlyUnderAttack(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.does(t, "backup", v.disk)
	v.does(t, "verify", "--read-data")
	v.does(t, "protect", "web01")
	pack, err := filepath.Glob(filepath.Join(v.dir, "packs/*/*"))
	check(t, err)
	held, err := os.OpenFile(pack[0], os.O_WRONLY, 0) // by an intruder who was there already
	check(t, err)
	defer held.Close()
	v.seal(t)
	was := v.bytes(t)
	refused := func(what, path string, err error) {
		if !errors.Is(err, unix.EPERM) {
			t.Errorf("%s %s: %v", what, path, err)
		}
	}
	_, err = held.WriteAt([]byte("x"), 100)
	refused("write to what was open", pack[0], err)
	elsewhere := filepath.Join(v.dir, "sessions", "stolen")
	v.each(t, func(path string, d fs.DirEntry) {
		if path != v.dir {
			refused("rename", path, os.Rename(path, elsewhere))
		}
		refused("change the mode of", path, os.Chmod(path, 0))
		if d.IsDir() {
			return
		}
		_, err := os.OpenFile(path, os.O_WRONLY, 0)
		refused("overwrite", path, err)
		_, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		refused("append to", path, err)
		refused("truncate", path, os.Truncate(path, 0))
		refused("remove", path, os.Remove(path))
		refused("link", path, os.Link(path, elsewhere))
		other := filepath.Join(v.dir, "sessions", "other")
		check(t, os.WriteFile(other, nil, 0o600))
		refused("replace", path, os.Rename(other, path))
	})
	for _, line := range []string{"chattr -R -i -a repo", "rm -rf repo", "mv repo gone", "find repo -type f -exec truncate -s 0 {} +"} {
		cmd := v.as("sh", "-c", line)
		cmd.Dir = filepath.Dir(v.dir)
		cmd.Run() // the open folders do go
	}
	v.kept(t, was)
	v.does(t, "verify", "--read-data")
	v.does(t, "backup", v.disk)
}

// history puts points without disks into the repository.
func (v *vault) history(t *testing.T, machine string, edit func(*format.Manifest), at ...time.Time) {
	t.Helper()
	repo := v.open(t)
	for _, at := range at {
		w, err := repo.Begin(t.Context(), index.BeginOptions{Machine: machine, Time: at})
		check(t, err)
		edit(&w.Manifest)
		_, err = w.Commit(t.Context())
		check(t, err)
	}
	check(t, repo.Close())
	tool(t, "find", v.dir, "-user", "root", "-exec", "chown", "backup:backup", "{}", "+")
}

// Junk that an intruder adds pushes no good point out, whether forget only tells or root collects.
func TestAppendOnlyCollection(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	now := time.Now()
	var good, old []time.Time
	for i := range 20 {
		good = append(good, now.Add(-time.Duration(20-i)*24*time.Hour))
		old = append(old, now.Add(-time.Duration(100-i)*24*time.Hour))
	}
	v.history(t, "web01", func(m *format.Manifest) { m.Tags = []string{"good=yes"} }, append(old, good...)...)
	v.seal(t)
	v.does(t, "backup", v.disk, "--tag", "good=yes")
	want, err := os.ReadFile(v.disk)
	check(t, err)
	v.seal(t)
	for _, junk := range []struct {
		step time.Duration
		edit func(*format.Manifest)
	}{
		{-time.Minute, func(m *format.Manifest) { m.Disks = []format.Disk{{Name: "disk0", State: format.DiskFailed}} }},
		{24 * time.Hour, func(*format.Manifest) {}}, // of the future
		{-time.Minute, func(m *format.Manifest) { m.Anomaly = "junk" }},
	} {
		v.history(t, "web01", junk.edit, instants(now, junk.step, 100)...)
		v.seal(t)
		for _, rule := range []string{"--keep-last", "--keep-daily"} {
			if got := v.keptGood(t, "forget", "--dry-run", rule, "15"); got < 15 {
				t.Errorf("%s 15 keeps %d good points", rule, got)
			}
		}
	}
	v.history(t, "web01", func(*format.Manifest) {}, instants(now, -time.Hour, 150)...) // that look good
	v.seal(t)
	weeks := map[[2]int]bool{}
	for _, at := range old {
		year, week := at.UTC().ISOWeek()
		weeks[[2]int{year, week}] = true
	}
	recipe := "forget --dry-run --keep-within 30d --keep-weekly 12"
	if got := v.keptGood(t, strings.Fields(recipe)...); got != 21+len(weeks) {
		t.Errorf("the README's rules keep %d good points, want %d", got, 21+len(weeks))
	}
	v.collects(t, want)
}

// instants gives n of them, from now on in steps.
func instants(now time.Time, step time.Duration, n int) (out []time.Time) {
	for i := range n {
		out = append(out, now.Add(time.Duration(i+1)*step))
	}
	return out
}

// keptGood counts the good points that a forget would keep.
func (v *vault) keptGood(t *testing.T, args ...string) (n int) {
	t.Helper()
	verdicts := map[string]bool{}
	for _, line := range strings.Split(v.does(t, args...), "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			verdicts[f[0]] = f[1] == "keep"
		}
	}
	for _, p := range v.points(t) {
		if len(p.Tags) > 0 && verdicts["web01@"+p.Name] {
			n++
		}
	}
	return n
}

// collects runs the README's collection: it drops what it may, can be worked with and is sealed afterwards. One that finds
// damage lifts nothing.
func (v *vault) collects(t *testing.T, want []byte) {
	t.Helper()
	before := len(v.points(t))
	if res := v.script(t, "vbackup-collect"); res.code != 0 {
		t.Fatalf("collect: exit code %d: %s", res.code, res.err)
	}
	if after := len(v.points(t)); after >= before {
		t.Errorf("%d points of %d are left", after, before)
	}
	good := "web01@" + v.goodPoint(t)
	v.holds(t, good, want)
	v.does(t, "protect", good)
	v.write(t, 3)
	v.does(t, "backup", v.disk)
	f, err := os.OpenFile(v.disk, os.O_WRONLY, 0)
	check(t, err)
	defer f.Close()
	_, err = f.WriteAt(make([]byte, 1<<20), 0) // half of the pack is not needed any more
	check(t, err)
	v.does(t, "backup", v.disk)
	v.seal(t)
	if res := v.script(t, "vbackup-collect", "--keep-within 30d --keep-weekly 12", "--max-unused 0 --keep-last 1"); res.code != 0 {
		t.Fatalf("collect: exit code %d: %s", res.code, res.err)
	}
	v.holds(t, good, want)
	v.does(t, "verify", "--read-data")
	v.does(t, "backup", v.disk)
	if res := v.vbackup(t, "forget", good); res.code != 1 {
		t.Errorf("forget after a collection: exit code %d: %s", res.code, res.err)
	}
	v.seal(t)
	was := v.bytes(t)
	check(t, os.WriteFile(filepath.Join(v.dir, "moves/00000099"), []byte("an intruder's"), 0o644)) // there are real ones, too
	if res := v.script(t, "vbackup-collect", "--keep-within 30d", "--keep-last 1"); res.code == 0 {
		t.Error("a damaged repository is collected")
	}
	v.kept(t, was)
}

// goodPoint names the point that was captured, not made up.
func (v *vault) goodPoint(t *testing.T) string {
	t.Helper()
	for _, p := range v.points(t) {
		if len(p.Tags) > 0 && len(p.Disks) == 1 {
			return p.Name
		}
	}
	t.Fatal("the good point is gone")
	return ""
}
