package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A farm is machines that are backed up into one repository, and what is known of their points.
type farm struct {
	dir   string // of the repository
	other string // of the one that points are copied to
	temp  string // of the machines' disks, and of what the test needs
	env   []string

	// mark tells what came before what: it grows. run runs a command to its end, whatever is done to it on the way.
	// excuse says which ends, beside success, are no fault then.
	mark   func() int64
	run    func(*exec.Cmd) error
	excuse func(outcome) bool

	offers   map[string]bool // the operations that there are
	noRules  bool            // of forget: by clocks that are wrong they keep what nobody can foretell
	machines []*machine

	mu     sync.Mutex // guards all below, and what the machines tried
	points []*point
}

// A point is known by what its machine's disk held. Its marks are never until they come.
type point struct {
	machine, id, name string
	sum               sum
	acked             int64 // when it was told to be there
	condemned         int64 // before a forget that may take it
	gone              int64 // when it was told to be gone
	copied            int64 // when it was told to be in the other repository
}

const never = math.MaxInt64

const password = "VBACKUP_PASSWORD=correct horse"

// newFarm makes a repository below dir and machines whose disks lie below disks.
func newFarm(t *testing.T, dir, disks string, rnd *rand.Rand, flags ...string) *farm {
	t.Helper()
	start := time.Now()
	f := &farm{
		dir: filepath.Join(dir, "repo"), other: filepath.Join(dir, "other"), temp: disks, offers: offered(t),
		env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + disks, "TMPDIR=" + disks},
		mark: func() int64 { return int64(time.Since(start)) }, run: patiently, excuse: noExcuse,
	}
	if !slices.Contains(flags, "--no-encryption") {
		f.env = append(f.env, password)
	}
	for _, repo := range []string{f.dir, f.other} {
		if repo == f.dir || f.offers["copy"] {
			_, err := f.do(append([]string{"init", "-r", repo}, flags...)...)
			check(t, err)
		}
	}
	for i, name := range []string{"alpha", "beta", "gamma"} {
		m, err := newMachine(disks, name, (4+i)*mib+512*i, rand.New(rand.NewPCG(rnd.Uint64(), uint64(i))))
		check(t, err)
		f.machines = append(f.machines, m)
	}
	return f
}

// An outcome is how a command ended.
type outcome struct {
	args     []string
	code     int // -1 when it was killed
	out, err string
}

func (o outcome) Error() string {
	return fmt.Sprintf("vbackup %q: exit code %d: %s%s", o.args, o.code, o.out, o.err)
}

func (o outcome) noSpace() bool { return o.code == 1 && strings.Contains(o.err, "no space left") }

// patiently runs a command, which does not hang.
func patiently(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	return waitFor(cmd)
}

func waitFor(cmd *exec.Cmd) error {
	hung := time.AfterFunc(patience, func() { cmd.Process.Signal(syscall.SIGABRT) }) // which shows where
	err := cmd.Wait()
	if !hung.Stop() {
		return fmt.Errorf("%q hangs: %w", cmd.Args, err)
	}
	return err
}

func (f *farm) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(program(name), args...)
	cmd.Env = append(f.env, "VBACKUP_REPO="+f.dir)
	return cmd
}

// by runs a command in some way, and gives how it ended.
func by(run func(*exec.Cmd) error, cmd *exec.Cmd) (outcome, error) {
	var out, said bytes.Buffer
	args := cmd.Args[1:]
	cmd.Stdout, cmd.Stderr = &out, &said
	err := run(cmd)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || err != error(exit)) {
		return outcome{}, fmt.Errorf("%w\n%s", err, said.String())
	}
	return outcome{args, cmd.ProcessState.ExitCode(), out.String(), said.String()}, nil
}

// do runs vbackup under the torment at hand: how it ended is an error unless it is excused.
func (f *farm) do(args ...string) (outcome, error) {
	o, err := by(f.run, f.command("vbackup", args...))
	if err == nil && o.code != 0 && !f.excuse(o) {
		err = o
	}
	return o, err
}

// calmly runs vbackup without any torment. It has to succeed.
func (f *farm) calmly(args ...string) (outcome, error) {
	o, err := by(patiently, f.command("vbackup", args...))
	if err == nil && o.code != 0 {
		err = o
	}
	return o, err
}

// A listed point is one of `vbackup points --json`.
type listed struct{ Type, ID, Machine, Name string }

func parsePoints(out string) (points []listed, err error) {
	for line := range strings.Lines(out) {
		var p listed
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			return nil, fmt.Errorf("not a JSON line: %q", line)
		}
		if p.Type == "point" {
			points = append(points, p)
		}
	}
	return points, nil
}

// list gives the points of a repository, which has to open without help.
func (f *farm) list(repo string) ([]listed, error) {
	o, err := f.calmly("points", "--json", "-r", repo)
	if err != nil {
		return nil, err
	}
	return parsePoints(o.out)
}

// backup makes a point of what the machine's disk holds. One that failed may have made it nevertheless.
func (f *farm) backup(m *machine) error {
	s := f.try(m)
	o, err := f.do("backup", "--json", "--machine", m.name, "vda="+m.path)
	if err != nil {
		return err
	}
	if o.code != 0 {
		return f.settle(m)
	}
	points, err := parsePoints(o.out)
	if err != nil || len(points) != 1 {
		return fmt.Errorf("a backup says that it made %v: %w", points, err)
	}
	f.acknowledge(points[0], s)
	return nil
}

// try notes what a point to come may hold.
func (f *farm) try(m *machine) sum {
	s := sumOf(m.disk)
	pieces := piecesOf(m.disk)
	f.mu.Lock()
	defer f.mu.Unlock()
	m.tried[s] = pieces
	return s
}

func (f *farm) acknowledge(p listed, s sum) {
	at := f.mark()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.points = append(f.points, &point{p.Machine, p.ID, p.Name, s, at, never, never, never})
}

// settle finds out what a backup left that failed: a point that is there holds what the disk holds.
func (f *farm) settle(m *machine) error {
	all, err := f.list(f.dir)
	if err != nil {
		return err
	}
	s := f.try(m)
	for _, p := range all {
		if p.Machine == m.name && f.known(p.ID) == nil {
			f.acknowledge(p, s)
		}
	}
	return nil
}

func (f *farm) known(id string) *point {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.points {
		if p.id == id {
			return p
		}
	}
	return nil
}

// alive gives the points of a machine that are not gone, the oldest first; of all machines for "".
func (f *farm) alive(machine string) (out []*point) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.points {
		if p.gone == never && (machine == "" || p.machine == machine) {
			out = append(out, p)
		}
	}
	return out
}

// forget forgets points by a command that takes no others.
func (f *farm) forget(victims []*point, args ...string) error {
	begin := f.mark()
	f.mu.Lock()
	for _, p := range victims {
		p.condemned = min(p.condemned, begin)
	}
	f.mu.Unlock()
	o, err := f.do(append([]string{"forget"}, args...)...)
	if err != nil {
		return err
	}
	left := map[string]bool{}
	if o.code != 0 { // some may be gone nevertheless
		all, err := f.list(f.dir)
		if err != nil {
			return err
		}
		for _, p := range all {
			left[p.ID] = true
		}
	}
	end := f.mark()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range victims {
		if !left[p.id] {
			p.gone = min(p.gone, end)
		}
	}
	return nil
}

// copy copies all points to the other repository.
func (f *farm) copy() error {
	there := f.alive("")
	o, err := f.do("copy", "--all", "--to", f.other)
	if gaveWay(o) {
		return nil
	}
	if err != nil || o.code != 0 {
		return err
	}
	end := f.mark()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range there {
		if p.condemned == never {
			p.copied = min(p.copied, end)
		}
	}
	return nil
}

// work has every machine change and be backed up so many times, with the mix beside it, in processes that run at once.
func (f *farm) work(rounds int) error {
	var all []func(context.Context) error
	for _, m := range f.machines {
		all = append(all, func(ctx context.Context) error {
			for range rounds {
				if err := errors.Join(ctx.Err(), f.turn(m)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return f.beside(context.Background(), all)
}

// turn is a machine's life from one point to the next.
func (f *farm) turn(m *machine) error {
	if err := m.change(); err != nil {
		return err
	}
	if err := f.backup(m); err != nil {
		return err
	}
	if f.offers["forget"] && m.rnd.IntN(3) == 0 {
		return f.forgetSome(m)
	}
	return nil
}
