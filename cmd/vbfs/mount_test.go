package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"

	"vbfs/cmd/internal/clitest"
)

// mountpoint makes the folder mnt, which must not be a mount when the test ends.
func mountpoint(t *testing.T, l *clitest.Lab) string {
	t.Helper()
	dir := l.Path("mnt")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if mounted(t, dir) {
			t.Errorf("%s is still mounted", dir)
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return dir
}

func mounted(t *testing.T, dir string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), " "+dir+" ")
}

// The tree shows each point as it was, and ends by signals and by umount.
func TestMount(t *testing.T) {
	t.Parallel()
	l := secret(t)
	first, second := twoPoints(t, l)
	dir := mountpoint(t, l)
	points := l.Points()
	for _, end := range []func(*clitest.Process) clitest.Result{
		func(p *clitest.Process) clitest.Result { return p.End(syscall.SIGINT) },
		func(p *clitest.Process) clitest.Result { return p.End(syscall.SIGTERM) },
		func(p *clitest.Process) clitest.Result { l.Tool("umount", dir); return p.End(0) },
	} {
		p := l.Start("vbfs", "mount", dir)
		clitest.Until(t, "a mount", func() bool { return mounted(t, dir) })
		l.Same(fmt.Sprintf("%s/machines/web01/%v/disks/disk0.raw", dir, points[0]["name"]), first)
		l.Same(dir+"/machines/web01/latest/disks/disk0.raw", second)
		if r := end(p); r.Code != 0 {
			t.Errorf("exit code %d: %s", r.Code, r.Err)
		}
	}
}

// In the background the tree stays when the program has ended. The password is nowhere that others can look.
func TestDaemon(t *testing.T) {
	t.Parallel()
	l := secret(t)
	_, second := twoPoints(t, l)
	dir := mountpoint(t, l)
	l.OK("vbfs", "mount", "--daemon", dir)
	t.Cleanup(func() {
		if mounted(t, dir) {
			l.Tool("umount", dir)
		}
	})
	l.Same(dir+"/machines/web01/latest/disks/disk0.raw", second)
	pid := process(t, dir)
	for _, file := range []string{"cmdline", "environ"} {
		if strings.Contains(string(l.Bytes(fmt.Sprintf("/proc/%d/%s", pid, file))), "secret") {
			t.Errorf("the password is in %s", file)
		}
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	clitest.Until(t, "the end of the mount", func() bool { return !mounted(t, dir) && process(t, dir) == 0 })
}

// In the background an identity opens the repository, too, though its file be gone by then.
func TestDaemonByIdentity(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.Path("x"), []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	init := *l
	init.Env = append(init.Env, "VBACKUP_PASSWORD=one")
	init.OK("vbackup", "init", "--escrow", id.Recipient().String())
	l.Env = append(l.Env, "VBACKUP_IDENTITY_FILE=x") // relative
	_, second := twoPoints(t, l)
	dir := mountpoint(t, l)
	l.OK("vbfs", "mount", "--daemon", dir)
	t.Cleanup(func() {
		if mounted(t, dir) {
			l.Tool("umount", dir)
		}
	})
	if err := os.Remove(l.Path("x")); err != nil {
		t.Fatal(err)
	}
	l.Same(dir+"/machines/web01/latest/disks/disk0.raw", second)
	pid := process(t, dir)
	for _, file := range []string{"cmdline", "environ"} {
		if strings.Contains(string(l.Bytes(fmt.Sprintf("/proc/%d/%s", pid, file))), "AGE-SECRET") {
			t.Errorf("the identity is in %s", file)
		}
	}
}

// process finds the program that has dir as its last argument; 0 when there is none.
func process(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline") // gone is not it
		if strings.HasSuffix(string(line), "\x00"+dir+"\x00") && strings.Contains(string(line), "\x00--child\x00") {
			return pid
		}
	}
	return 0
}

// What hinders a mount is told before the program ends, in the background too.
func TestMountRefusals(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	twoPoints(t, l)
	for _, background := range []bool{false, true} {
		flag := fmt.Sprintf("--daemon=%t", background)
		for _, c := range []struct {
			args []string
			code int
			says string
		}{
			{[]string{l.Dir}, 1, "not empty"},
			{[]string{l.Path("nowhere")}, 1, "nowhere"},
			{[]string{l.Path("web01.raw")}, 1, "web01.raw"},
			{[]string{l.Path("nowhere"), "-r", l.Path("nothing")}, 10, "no repository"},
			{[]string{l.Path("nowhere"), "--password-file", l.Path("web01.raw")}, 12, "assword"},
			{[]string{l.Path("nowhere"), "--cache", "much"}, 2, "much"},
			{nil, 2, "arg"},
		} {
			r := l.Run("vbfs", append([]string{"mount", flag}, c.args...)...)
			if r.Code != c.code || !strings.HasPrefix(r.Err, "vbfs: ") || !strings.Contains(r.Err, c.says) {
				t.Errorf("%s %q: exit code %d: %s", flag, c.args, r.Code, r.Err)
			}
		}
	}
}
