package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// nobody is a user without rights.
const nobody = 65534

// asNobody starts a slow backup as another user, without limit to core dumps, and returns once it is at work.
func asNobody(t *testing.T, l *clitest.Lab, env ...string) *exec.Cmd {
	t.Helper()
	l.Tool("cp", clitest.Program("vbackup"), l.Path("program"))
	l.Tool("chown", "-R", fmt.Sprint(nobody), l.Dir)
	cmd := exec.Command("/bin/sh", "-c", `ulimit -c unlimited; exec ./program backup --limit-rate 1M disk.raw`)
	cmd.Dir, cmd.Env = l.Dir, append(append(l.Env, "GOTRACEBACK=crash"), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	clitest.Until(t, "a session", func() bool { return len(sessions(t, l)) == 1 })
	return cmd
}

// peeks tells whether the same user reads what the kernel guards like the process's memory.
func peeks(cmd *exec.Cmd) bool {
	other := exec.Command("cat", fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid))
	other.SysProcAttr = cmd.SysProcAttr
	return other.Run() == nil
}

func coreLimit(t *testing.T, l *clitest.Lab, cmd *exec.Cmd) string {
	t.Helper()
	for line := range strings.Lines(string(l.Bytes(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid)))) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
			return strings.Fields(rest)[0]
		}
	}
	t.Fatal("no limit of core files")
	return ""
}

// The keys in memory are for nobody else: not for another process of the same user, not in a core dump. Who has to debug
// can say so.
func TestMemoryIsKept(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.Disk("disk.raw", 24)
	cmd := asNobody(t, l)
	if peeks(cmd) {
		t.Error("another process of the user looks into it")
	}
	if got := coreLimit(t, l, cmd); got != "0" {
		t.Errorf("core dumps of %s bytes", got)
	}
	cmd.Process.Signal(syscall.SIGABRT)
	if cmd.Wait(); !cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() || cmd.ProcessState.Sys().(syscall.WaitStatus).CoreDump() {
		t.Errorf("it ends with %v", cmd.ProcessState)
	}
	if cores, err := filepath.Glob(l.Path("core*")); err != nil || cores != nil {
		t.Errorf("core dumps: %q, %v", cores, err)
	}
	l.Tool("rm", "-r", l.Path("repo/sessions"))
	cmd = asNobody(t, l, "VBACKUP_ALLOW_CORE_DUMPS=1")
	if got := coreLimit(t, l, cmd); !peeks(cmd) || got != "unlimited" {
		t.Errorf("allowed: looked into %t, core dumps of %s", peeks(cmd), got)
	}
}

// Nothing secret is in messages, logs or the arguments of processes, and no file is readable by others, whatever the umask.
func TestSecretsStayIn(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	const password, second = "one-Pass-word", "two-Pass-word"
	l.Env = append(l.Env, "VBACKUP_PASSWORD="+password, "VBACKUP_NEW_PASSWORD="+second)
	disk := l.Disk("web01.raw", 8)
	identity(l, "x")
	var said, log strings.Builder
	run := func(args ...string) clitest.Result {
		t.Helper()
		sh := append([]string{"-c", `umask 0; exec "$@"`, "sh", clitest.Program("vbackup")}, args...)
		cmd := exec.Command("/bin/sh", append(sh, "-v", "--log-file", l.Path("log"))...)
		cmd.Dir, cmd.Env = l.Dir, l.Env
		var out, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, stderr.String())
		}
		said.WriteString(stderr.String())
		return clitest.Result{Out: out.String()}
	}
	run("init")
	key := recoveryKey.FindString(run("key", "recovery").Out)
	inJSON := l.Lines(run("key", "recovery", "--json").Out)[0]["recovery_key"].(string)
	if len(key) != 69 || !recoveryKey.MatchString(inJSON) {
		t.Fatalf("recovery keys %q, %q", key, inJSON)
	}
	for _, args := range [][]string{
		{"backup", disk}, {"key", "add"}, {"key", "rotate"}, {"key", "list"}, {"backup", disk}, {"verify"}, {"dump", "keyring/00000001"},
	} {
		said.WriteString(run(args...).Out)
		said.WriteString(run(append(args, "--json")...).Out)
	}
	log.Write(l.Bytes(l.Path("log")))
	for _, secret := range []string{password, second, key, strings.ReplaceAll(key, "-", ""), key[:9], inJSON, inJSON[:9]} {
		if strings.Contains(said.String(), secret) || strings.Contains(log.String(), secret) {
			t.Errorf("a secret of %d characters is told or logged", len(secret))
		}
	}
	write(l, "key", key)
	p := begin(t, with(l, t, "VBACKUP_PASSWORD_FILE="+l.Path("key")), disk, "--level", "full")
	arguments := string(l.Bytes(fmt.Sprintf("/proc/%d/cmdline", p.Process.Pid)))
	for _, secret := range []string{password, key, key[:9]} {
		if strings.Contains(arguments, secret) {
			t.Errorf("arguments: %q", arguments)
		}
	}
	p.End(syscall.SIGINT)
	for _, path := range []string{l.Repo, l.Path("log")} {
		notForOthers(t, path)
	}
}

func notForOthers(t *testing.T, path string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode()&0o077 != 0 {
			t.Errorf("%s: %v", name, info.Mode())
		}
		files++
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%s: %d files, %v", path, files, err)
	}
}

// A file with a secret that every user can read is told of, and taken all the same.
func TestReadableSecrets(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	write(l, "password", "one\n")
	l.OK("vbackup", "init", "--password-file", l.Path("password"), "--escrow", identity(l, "x"))
	for _, c := range []struct {
		flag, file string
		mode       os.FileMode
		warns      bool
	}{
		{"--password-file", "password", 0o600, false},
		{"--password-file", "password", 0o640, false},
		{"--password-file", "password", 0o644, true},
		{"--identity", "x", 0o600, false},
		{"--identity", "x", 0o602, true},
	} {
		if err := os.Chmod(l.Path(c.file), c.mode); err != nil {
			t.Fatal(err)
		}
		if r := l.OK("vbackup", "points", c.flag, l.Path(c.file)); strings.Contains(r.Err, "warning: "+l.Path(c.file)) != c.warns {
			t.Errorf("%s with mode %o: %q", c.flag, c.mode, r.Err)
		}
	}
}
