package clitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Lab is a folder with a repository in it, and the environment of the programs.
type Lab struct {
	T    *testing.T
	Dir  string   // short enough for sockets; removed afterwards
	Repo string   // not made yet
	Env  []string // PATH, HOME and what a test adds
}

// New makes a Lab.
func New(t *testing.T) *Lab {
	t.Helper()
	dir, err := os.MkdirTemp("", "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	repo := filepath.Join(dir, "repo")
	return &Lab{t, dir, repo, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "VBACKUP_REPO=" + repo, "VBACKUP_STATE_DIR=" + filepath.Join(dir, "state")}}
}

// NewPlain makes a Lab with a repository without encryption: deriving keys takes most of a short test's time.
func NewPlain(t *testing.T) *Lab {
	t.Helper()
	l := New(t)
	l.OK("vbackup", "init", "--no-encryption", "-q")
	return l
}

// Path gives a path in the lab.
func (l *Lab) Path(name string) string { return filepath.Join(l.Dir, name) }

// A Result is how a program ended.
type Result struct {
	Code     int
	Out, Err string
}

// Command makes a command in the lab's folder.
func (l *Lab) Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(Program(program), args...)
	cmd.Dir, cmd.Env = l.Dir, l.Env
	return cmd
}

// within runs a program to its end, which comes by a signal that shows where it hangs when it is not there in time.
func within(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	defer time.AfterFunc(runTime, func() { cmd.Process.Signal(syscall.SIGABRT) }).Stop()
	return cmd.Wait()
}

// runTime bounds what a program may take on a busy machine.
const runTime = 5 * time.Minute

// Run runs a program to its end.
func (l *Lab) Run(program string, args ...string) Result {
	l.T.Helper()
	var out, stderr bytes.Buffer
	cmd := l.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := within(cmd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.T.Fatal(err)
	}
	return Result{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// OK runs a program that has to succeed.
func (l *Lab) OK(program string, args ...string) Result {
	l.T.Helper()
	r := l.Run(program, args...)
	if r.Code != 0 {
		l.T.Fatalf("%s %q: exit code %d\n%s%s", program, args, r.Code, r.Out, r.Err)
	}
	return r
}

// Tool runs a foreign program that has to succeed, and gives its output.
func (l *Lab) Tool(name string, args ...string) string {
	l.T.Helper()
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.Dir, &out, &out
	if err := within(cmd); err != nil {
		l.T.Fatalf("%s %q: %v\n%s", name, args, err, &out)
	}
	return out.String()
}

// Try runs a foreign program that may fail.
func (l *Lab) Try(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = l.Dir
	return within(cmd)
}

// Lines parses JSON lines. Anything else is the test's end.
func (l *Lab) Lines(out string) (lines []map[string]any) {
	l.T.Helper()
	for line := range strings.Lines(out) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			l.T.Fatalf("not a JSON line: %q", line)
		}
		lines = append(lines, m)
	}
	return lines
}

// Points gives the points that are listed.
func (l *Lab) Points() (points []map[string]any) {
	l.T.Helper()
	for _, line := range l.Lines(l.OK("vbackup", "points", "--json").Out) {
		if line["type"] == "point" {
			points = append(points, line)
		}
	}
	return points
}

// A Process is a program that goes on.
type Process struct {
	*exec.Cmd
	t        *testing.T
	out, err *os.File
}

// Start starts a program. It is killed when the test ends and it has not.
func (l *Lab) Start(program string, args ...string) *Process {
	l.T.Helper()
	p := &Process{Cmd: l.Command(program, args...), t: l.T}
	p.out, p.err = l.temp(), l.temp()
	p.Stdout, p.Stderr = p.out, p.err
	if err := p.Cmd.Start(); err != nil {
		l.T.Fatal(err)
	}
	l.T.Cleanup(func() {
		if p.ProcessState == nil {
			p.Process.Kill()
			p.Wait()
		}
	})
	return p
}

func (l *Lab) temp() *os.File {
	l.T.Helper()
	f, err := os.CreateTemp(l.Dir, "out")
	if err != nil {
		l.T.Fatal(err)
	}
	l.T.Cleanup(func() { f.Close() })
	return f
}

// End sends a signal, if it is one, and gives how the program ended.
func (p *Process) End(s syscall.Signal) Result {
	p.t.Helper()
	if s != 0 {
		p.Process.Signal(s)
	}
	timer := time.AfterFunc(patience, func() { p.Process.Kill() })
	p.Wait()
	if !timer.Stop() {
		p.t.Errorf("%q had to be killed", p.Args)
	}
	return Result{p.ProcessState.ExitCode(), p.Out(), read(p.t, p.err)}
}

// Out is what the program has written on standard output so far.
func (p *Process) Out() string { return read(p.t, p.out) }

func read(t *testing.T, f *os.File) string {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// patience is how long anything may take.
const patience = 90 * time.Second

// Until waits until what is so; after a while the test fails.
func Until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
