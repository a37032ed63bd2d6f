package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// stages are the folders of objects behind whose coming to be a writer is stopped.
var stages = []string{"sessions", "packs/ab", "pending", "points/*", "table"}

// TestStopped stops writers behind each of their steps, has others forget and prune meanwhile what they build upon, or
// end their sessions, and lets them go on: they make a good point, or fail and make none.
func TestStopped(t *testing.T) {
	t.Parallel()
	dir, rnd := tempDir(t, 4<<30), dice(t, 0)
	tell(t, fmt.Sprintf("-stops %d", *stops), dir)
	f := newFarm(t, dir, dir, rnd, "--no-encryption")
	check(t, f.work(2))
	ended := map[string]int{}
	for i := range *stops {
		stage, broken := stages[i%len(stages)], i/len(stages)%2 == 1
		m := f.machines[rnd.IntN(len(f.machines))]
		code, err := f.stop(m, stage, broken, rnd)
		if err != nil {
			t.Fatalf("stopped behind %s, session broken: %v: %v", stage, broken, err)
		}
		ended[fmt.Sprintf("%s, broken %v: exit %d", stage, broken, code)]++
		check(t, f.inspect(rnd, f.dir, f.mark()))
	}
	check(t, f.calm())
	check(t, f.inspect(rnd, f.dir, f.mark()))
	f.tidy(t)
	t.Log(ended)
}

// stop runs a backup that is stopped at a stage, and gives how it ended.
func (f *farm) stop(m *machine, stage string, broken bool, rnd *rand.Rand) (code int, err error) {
	if err := m.change(); err != nil {
		return 0, err
	}
	s := f.try(m)
	w, err := f.stopAt(stage, broken, "backup", "--json", "--workers", "1", "--machine", m.name, "vda="+m.path)
	if err != nil {
		return 0, err
	}
	inner := f.meanwhile(m, broken, rnd)
	if err := errors.Join(inner, w.goOn()); err != nil {
		return 0, err
	}
	code = w.cmd.ProcessState.ExitCode()
	all, err := f.list(f.dir)
	if err != nil {
		return code, err
	}
	var left []listed
	for _, p := range all {
		if f.known(p.ID) == nil {
			left = append(left, p)
		}
	}
	switch {
	case code == 0 && len(left) == 1, code != 0 && len(left) == 1 && stage == "points/*":
		f.acknowledge(left[0], s)
		return code, nil
	case code == 1 && len(left) == 0:
		return code, nil
	}
	return code, fmt.Errorf("exit code %d, points that nobody acknowledged: %v: %s", code, left, w.said.String())
}

// A stopped program can go on.
type stopped struct {
	*server
	pid int // of vbackup, below strace
}

// stopAt starts a command, and waits until it is stopped behind a stage. As one of another host its session can be ended
// by those whose clocks tell them that its lease is over.
func (f *farm) stopAt(stage string, elsewhere bool, args ...string) (w *stopped, err error) {
	in := injection{"linkat", "signal=SIGSTOP", 1, nil}
	if stage == "table" {
		in.calls = "rename,renameat"
	} else if in.paths, err = f.folders(stage); err != nil {
		return nil, err
	}
	log := filepath.Join(f.temp, "stopped")
	cmd := f.command("vbackup", args...)
	in.wrap(cmd, log)
	if elsewhere {
		args := []string{"unshare", "-u", "sh", "-c", `hostname elsewhere && exec "$0" "$@"`}
		cmd.Path, cmd.Args = "/usr/bin/unshare", append(args, cmd.Args...)
	}
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		return nil, err
	}
	s, err := serve(cmd)
	if err != nil {
		return nil, err
	}
	w = &stopped{server: s}
	return w, s.ready(func() error {
		b, err := os.ReadFile(log)
		if err != nil || !strings.Contains(string(b), "stopped by SIGSTOP") {
			return fmt.Errorf("not stopped: %s (%w)", b, err)
		}
		tid, _, _ := strings.Cut(string(b), " ")
		w.pid, err = strconv.Atoi(tid)
		return err
	})
}

// die ends the program where it stands.
func (w *stopped) die() error {
	return errors.Join(syscall.Kill(w.pid, syscall.SIGKILL), w.wait())
}

// goOn continues the writer until its end: each of its threads may be stopped once.
func (w *stopped) goOn() error {
	return w.until(func() error {
		select {
		case <-w.ended:
			return nil
		default:
			return errors.Join(errors.New("it goes on"), syscall.Kill(w.pid, syscall.SIGCONT))
		}
	})
}

// meanwhile takes away what the writer of a machine builds upon; or its session, too.
func (f *farm) meanwhile(m *machine, broken bool, rnd *rand.Rand) error {
	if f.offers["forget"] {
		for _, p := range f.alive(m.name) {
			if err := f.forgetOne(p); err != nil {
				return err
			}
		}
	}
	if broken {
		if err := f.breakSession(m); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"prune", "--max-unused", "0"}, {"unlock"}, {"rebuild-table"}} {
		if f.offers[args[0]] {
			if _, err := f.calmly(args...); err != nil {
				return err
			}
		}
	}
	other := f.machines[rnd.IntN(len(f.machines))]
	if other == m {
		return nil
	}
	return errors.Join(other.change(), f.backup(other))
}

// breakSession backs the machine up from a host whose clock is two days ahead.
func (f *farm) breakSession(m *machine) error {
	before := f.run
	defer func() { f.run = before }()
	f.run = func(cmd *exec.Cmd) error {
		c, err := startOff(cmd, jump)
		if err != nil {
			return err
		}
		defer c.mem.Close()
		return waitFor(cmd)
	}
	return f.backup(m)
}
