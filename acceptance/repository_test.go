package acceptance

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/index"
	"vbfs/index/object"
	"vbfs/index/report"
)

const password = "correct horse"

// A repository is driven by the programs.
type repository struct {
	dir    string
	sealed bool // by the password
	env    []string
}

// initialize makes a repository. With --no-encryption nothing pays for a password.
func initialize(t *testing.T, flags ...string) *repository {
	t.Helper()
	return initializeAt(t, filepath.Join(t.TempDir(), "repo"), flags...)
}

func initializeAt(t *testing.T, dir string, flags ...string) *repository {
	t.Helper()
	r := &repository{dir: dir}
	if !strings.Contains(strings.Join(flags, " "), "--no-encryption") {
		r.sealed, r.env = true, []string{"VBACKUP_PASSWORD=" + password}
	}
	r.ok(t, append([]string{"init"}, flags...)...)
	return r
}

// command is a run of a program to come.
func (r *repository) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(program(name), args...)
	cmd.Env = append(os.Environ(), "VBACKUP_REPO="+r.dir)
	cmd.Env = append(cmd.Env, r.env...)
	return cmd
}

// A result is what a program left.
type result struct {
	code     int
	out, err string
}

// runTime bounds what a program may take on a busy machine.
const runTime = 5 * time.Minute

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, said bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &said
	check(t, cmd.Start())
	hung := time.AfterFunc(runTime, func() { cmd.Process.Signal(syscall.SIGABRT) }) // which shows where
	err := cmd.Wait()
	if !hung.Stop() {
		t.Fatalf("%q takes more than %v: %s", cmd.Args, runTime, said.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), said.String()}
}

// vbackup runs vbackup to its end, whatever that is.
func (r *repository) vbackup(t *testing.T, args ...string) result {
	t.Helper()
	return finish(t, r.command("vbackup", args...))
}

// ok runs vbackup, which has to succeed.
func (r *repository) ok(t *testing.T, args ...string) string {
	t.Helper()
	res := r.vbackup(t, args...)
	if res.code != 0 {
		t.Fatalf("vbackup %q: exit code %d: %s%s", args, res.code, res.out, res.err)
	}
	return res.out
}

// refuses runs vbackup, which has to end with that code and one clear sentence that names the thing.
func (r *repository) refuses(t *testing.T, code int, names string, args ...string) {
	t.Helper()
	res := r.vbackup(t, args...)
	first, _, _ := strings.Cut(res.err, "\n")
	if res.code != code || !strings.Contains(first, names) {
		t.Errorf("vbackup %q: exit code %d, want %d and a sentence with %q: %s", args, res.code, code, names, res.err)
	}
}

// points lists the points, the oldest first.
func (r *repository) points(t *testing.T, machine ...string) []report.Point {
	t.Helper()
	var all []report.Point
	for d := json.NewDecoder(strings.NewReader(r.ok(t, append([]string{"points", "--json"}, machine...)...))); ; {
		var line struct {
			Type string
			report.Point
		}
		if err := d.Decode(&line); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if line.Type == "point" {
			all = append(all, line.Point)
		}
	}
}

// whole proves by reading every byte that nothing is damaged.
func (r *repository) whole(t *testing.T) {
	t.Helper()
	r.ok(t, "verify", "--read-data")
}

// open opens the repository as the programs do.
func (r *repository) open(t *testing.T) *index.Repository {
	t.Helper()
	store, err := object.OpenLocal(r.dir)
	check(t, err)
	t.Cleanup(func() { store.Close() })
	o := index.OpenOptions{Table: filepath.Join(r.dir, "table")}
	if r.sealed {
		o.Password = []byte(password)
	}
	repo, err := index.Open(t.Context(), store, o)
	check(t, err)
	t.Cleanup(func() { repo.Close() })
	return repo
}

// packs gives the files of all packs.
func (r *repository) packs(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(r.dir, "packs/*/*"))
	check(t, err)
	return names
}
