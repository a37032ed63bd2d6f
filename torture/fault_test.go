package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// failing are the system calls that are made to fail, and how.
var failing = []struct {
	calls  string
	errors []string
}{
	{"fsync,fdatasync", []string{"EIO", "ENOSPC"}},
	{"linkat,renameat,renameat2", []string{"EIO", "ENOSPC"}},
	{"write,pwrite64", []string{"EIO", "ENOSPC"}},
	{"unlinkat", []string{"EIO"}},
	{"getdents64", []string{"EIO"}},
}

// A saboteur has system calls of commands fail.
type saboteur struct {
	f    *farm
	rnd  *rand.Rand
	log  string
	what injection
	hits []string // of the last command
}

// run implements a farm's run.
func (s *saboteur) run(cmd *exec.Cmd) error {
	s.what.wrap(cmd, s.log)
	err := patiently(cmd)
	var logErr error
	if s.hits, logErr = injected(s.log); logErr != nil {
		return logErr
	}
	return err
}

// choose chooses what will fail.
func (s *saboteur) choose() {
	c := failing[s.rnd.IntN(len(failing))]
	s.what = injection{calls: c.calls, fault: "error=" + c.errors[s.rnd.IntN(len(c.errors))], n: 1 + s.rnd.IntN(6)}
}

// excuse takes a command that failed when the kernel did, and said so. That is no damage of the repository.
func (s *saboteur) excuse(o outcome) bool {
	said := o.out + o.err
	if slices.ContainsFunc(s.hits, func(call string) bool { return strings.Contains(call, " write(2<") }) {
		return o.code == 1 // what it said is what could not be written
	}
	return o.code == 1 && len(s.hits) > 0 && (strings.Contains(said, "input/output error") || strings.Contains(said, "no space left"))
}

// TestFaults has system calls fail in every command that writes: it fails and says so, or has done its work; and nothing
// that was acknowledged is lost.
func TestFaults(t *testing.T) {
	t.Parallel()
	dir, rnd := tempDir(t, 4<<30), dice(t, 0)
	tell(t, fmt.Sprintf("-faults %d", *faults), dir)
	f := newFarm(t, dir, dir, rnd, "--no-encryption")
	check(t, f.work(2))
	s := &saboteur{f: f, rnd: rnd, log: filepath.Join(dir, "strace")}
	hit := map[string]int{}
	for i := range *faults {
		name, err := s.sabotage(f.machines[rnd.IntN(len(f.machines))])
		if err != nil {
			t.Fatalf("%s, %v %q: %v", name, s.what, s.hits, err)
		}
		if len(s.hits) > 0 {
			hit[name]++
		}
		if i%20 == 19 {
			check(t, f.inspect(rnd, f.dir, f.mark()))
			check(t, f.inspectOther(rnd, f.other, f.mark()))
			check(t, f.calm())
		}
	}
	check(t, f.calm())
	check(t, f.inspect(rnd, f.dir, f.mark()))
	f.tidy(t)
	t.Logf("calls failed in commands: %v", hit)
}

// TestListingsFail has listings that prune makes fail, the first and later ones: it deletes nothing from then on.
func TestListingsFail(t *testing.T) {
	t.Parallel()
	dir, rnd := tempDir(t, 4<<30), dice(t, 0)
	tell(t, "", dir)
	f := newFarm(t, dir, dir, rnd, "--no-encryption")
	if !f.offers["prune"] || !f.offers["forget"] {
		return
	}
	s := &saboteur{f: f, rnd: rnd, log: filepath.Join(dir, "strace")}
	failed := 0
	for _, n := range []int{1, 2, 3, 4, 5, 6, 8, 11, 15, 20, 27, 37, 50, 70} { // in each thread: of what, the scheduler decides
		check(t, f.makeGarbage(f.machines[0]))
		s.what = injection{calls: "getdents64", fault: "error=EIO", n: n}
		o, err := by(s.run, f.command("vbackup", "prune", "--max-unused", "0"))
		check(t, err)
		switch {
		case len(s.hits) > 0 && o.code == 1:
			failed++
			check(t, s.deletedNothing())
		case o.code != 0 || len(s.hits) > 0 && !s.onlyTable():
			t.Errorf("listing %d fails, %q: %v", n, s.hits, o)
		}
	}
	check(t, f.inspect(rnd, f.dir, f.mark()))
	if failed == 0 {
		t.Error("no listing was made to fail")
	}
	check(t, f.calm())
}

// makeGarbage leaves blocks that no point names.
func (f *farm) makeGarbage(m *machine) error {
	for range 2 {
		if err := errors.Join(m.change(), f.backup(m)); err != nil {
			return err
		}
	}
	all := f.alive(m.name)
	return f.forget(all[:len(all)-1], m.name, "--keep-last", "1")
}

// sabotage runs a command in which a call fails.
func (s *saboteur) sabotage(m *machine) (name string, err error) {
	if err := m.change(); err != nil {
		return "", err
	}
	s.choose()
	s.f.run, s.f.excuse = s.run, s.excuse
	defer func() { s.f.run, s.f.excuse = patiently, noExcuse }()
	var o operation
	for o = s.f.choose(s.rnd); o.command == "verify"; o = s.f.choose(s.rnd) {
	}
	switch s.rnd.IntN(3) {
	case 0:
		return "backup", s.f.backup(m)
	case 1:
		if s.f.offers["forget"] {
			return "forget", s.f.forgetSome(m)
		}
	}
	if err := o.do(s.f, s.rnd); err != nil {
		return o.command, err
	}
	if o.command != "prune" || s.what.calls != "getdents64" || s.hits == nil || s.onlyTable() {
		return o.command, nil
	}
	return o.command, s.deletedNothing()
}

// onlyTable tells whether all that failed was of the table, which is a cache.
func (s *saboteur) onlyTable() bool { return !slices.ContainsFunc(s.hits, s.ofRepository) }

// ofRepository tells whether a call was of what is no cache.
func (s *saboteur) ofRepository(call string) bool {
	return !strings.Contains(call, filepath.Join(s.f.dir, "table")+">")
}

// deletedNothing proves that a prune that could not list the repository deleted nothing from then on, but for what it had
// said that it would.
func (s *saboteur) deletedNothing() error {
	lines, err := deletedSince(s.log, s.ofRepository)
	if err != nil {
		return err
	}
	withdrawn := func(line string) bool { return strings.Contains(line, "<"+filepath.Join(s.f.dir, "gc")+">") }
	if lines = slices.DeleteFunc(lines, withdrawn); len(lines) > 0 {
		return fmt.Errorf("deleted, though a listing failed: %q", lines)
	}
	return nil
}
