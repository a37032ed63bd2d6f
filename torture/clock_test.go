package torture

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// jump is how far clocks are off: more than any lease or grace lasts.
const jump = 48 * time.Hour

// A jumper runs commands by clocks that are wrong, and that jump while the commands run.
type jumper struct {
	mu  sync.Mutex // guards all below
	rnd *rand.Rand
	ran int
}

func (j *jumper) wrong() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return time.Duration(j.rnd.IntN(3)-1) * jump
}

// run implements a farm's run.
func (j *jumper) run(cmd *exec.Cmd) error {
	c, err := startOff(cmd, j.wrong())
	if err != nil {
		return err
	}
	defer c.mem.Close()
	j.mu.Lock()
	j.ran++
	moment := time.Duration(j.rnd.IntN(30)) * time.Millisecond
	j.mu.Unlock()
	defer time.AfterFunc(moment, func() { c.set(j.wrong()) }).Stop()
	return waitFor(cmd)
}

// TestClockIsWrong has commands of several processes run by clocks that are two days off and jump, and files that are two
// days older or younger than they should be. Nothing depends on it.
func TestClockIsWrong(t *testing.T) {
	t.Parallel()
	dir, rnd := tempDir(t, 4<<30), dice(t, 0)
	tell(t, fmt.Sprintf("-jumps %d", *jumps), dir)
	f := newFarm(t, dir, dir, rnd, "--no-encryption")
	j := &jumper{rnd: rnd}
	f.run, f.noRules = j.run, true
	check(t, f.tellsTheTime())
	for j.ran < *jumps {
		check(t, f.work(3))
		check(t, f.inspect(rnd, f.dir, f.mark()))
		check(t, shiftFiles(rnd, f.dir))
	}
	f.run = patiently
	check(t, f.calm())
	check(t, f.inspect(rnd, f.dir, f.mark()))
	check(t, f.inspectOther(rnd, f.other, f.mark()))
	f.tidy(t)
	t.Logf("%d commands, %d points", j.ran, len(f.points))
}

// tellsTheTime proves that clocks really are wrong: a point says when it was made.
func (f *farm) tellsTheTime() error {
	m, before := f.machines[0], f.run
	defer func() { f.run = before }()
	for _, by := range []time.Duration{jump, -jump} {
		f.run = func(cmd *exec.Cmd) error {
			c, err := startOff(cmd, by)
			if err != nil {
				return err
			}
			defer c.mem.Close()
			return waitFor(cmd)
		}
		if err := f.turn(m); err != nil {
			return err
		}
		name := f.points[len(f.points)-1].name
		at, err := time.Parse("2006-01-02T15-04-05Z", name)
		if off := time.Until(at) - by; err != nil || off.Abs() > time.Hour {
			return fmt.Errorf("a point by a clock that is %v off is named %s (%v)", by, name, err)
		}
	}
	return nil
}

// shiftFiles has files be older or younger than they are.
func shiftFiles(rnd *rand.Rand, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		at := time.Now().Add(time.Duration(rnd.IntN(3)-1) * jump)
		return os.Chtimes(path, at, at)
	})
}
