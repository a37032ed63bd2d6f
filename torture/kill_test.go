package torture

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// A killer kills commands at random moments of about as long as they take.
type killer struct {
	mu     sync.Mutex // guards all below
	rnd    *rand.Rand
	took   map[string]time.Duration // by command
	killed map[string]int
	left   int
	share  int // one of so many is killed; 0 for all
}

func newKiller(rnd *rand.Rand, n int) *killer {
	return &killer{rnd: rnd, took: map[string]time.Duration{}, killed: map[string]int{}, left: n}
}

// run implements a farm's run.
func (k *killer) run(cmd *exec.Cmd) error {
	name, start := cmd.Args[1], time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer time.AfterFunc(k.moment(name), func() { cmd.Process.Kill() }).Stop()
	err := waitFor(cmd)
	k.mu.Lock()
	defer k.mu.Unlock()
	if cmd.ProcessState.Exited() {
		k.took[name] = (k.took[name]*3 + time.Since(start)) / 4
		return err
	}
	k.killed[name]++
	k.left--
	return err
}

// moment is when a command is killed, if it has not ended by then.
func (k *killer) moment(name string) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	took := max(k.took[name], 10*time.Millisecond)
	if k.left <= 0 || k.share > 0 && k.rnd.IntN(k.share) > 0 {
		return patience
	}
	return time.Duration(k.rnd.Int64N(int64(took * 3 / 2)))
}

func (k *killer) enough() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.left <= 0
}

func wasKilled(o outcome) bool { return o.code == -1 }

// TestKilled kills commands of several processes at once. After each batch all that was acknowledged is there, and what
// the dead left is cleaned up by those who come after.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir, rnd := tempDir(t, 4<<30), dice(t, 0)
	tell(t, fmt.Sprintf("-kills %d", *kills), dir)
	f := newFarm(t, dir, dir, rnd, "--no-encryption")
	check(t, f.work(2))
	const batch = 25
	killed := map[string]int{}
	for left := *kills; left > 0; left -= batch {
		k := newKiller(rnd, min(left, batch))
		f.run, f.excuse = k.run, wasKilled
		for !k.enough() {
			check(t, f.work(2))
		}
		f.run, f.excuse = patiently, noExcuse
		check(t, f.inspect(rnd, f.dir, f.mark()))
		check(t, f.inspectOther(rnd, f.other, f.mark()))
		check(t, f.calm())
		check(t, f.inspect(rnd, f.dir, f.mark()))
		f.tidy(t)
		for name, n := range k.killed {
			killed[name] += n
		}
	}
	t.Logf("killed: %v; %d points", killed, len(f.points))
}

func noExcuse(outcome) bool { return false }

// tidy looks for what dead processes left, after each command has run once to its end. What has to lie for a while, so
// that the living are not disturbed, is made old first.
func (f *farm) tidy(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"sessions/*", "pending/*", ".tmp/*", ".[^t]*", "gc/*"} {
		left, err := filepath.Glob(filepath.Join(f.dir, pattern))
		check(t, err)
		if left != nil {
			t.Errorf("left behind: %v", left)
		}
	}
	temps := func() (out []string) {
		all, err := filepath.Glob(filepath.Join(f.dir, "table/*"))
		check(t, err)
		for _, name := range all {
			if filepath.Ext(name) != ".db" {
				out = append(out, name)
			}
		}
		return out
	}
	old := time.Now().Add(-48 * time.Hour)
	for _, name := range temps() {
		check(t, os.Chtimes(name, old, old))
	}
	_, err := f.calmly("rebuild-table")
	check(t, err)
	if left := temps(); left != nil {
		t.Errorf("left behind in the table: %v", left)
	}
}
