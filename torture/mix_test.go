package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
)

// An operation is what is done to a repository beside backups.
type operation struct {
	command string
	often   int // against the others
	do      func(f *farm, rnd *rand.Rand) error
}

// mix is what is done beside the machines' own turns, which backup and forget.
var mix = []operation{
	{"prune", 4, func(f *farm, _ *rand.Rand) error { return f.care("prune") }},
	{"prune", 4, func(f *farm, _ *rand.Rand) error { return f.care("prune", "--max-unused", "0") }},
	{"copy", 3, func(f *farm, _ *rand.Rand) error { return f.copy() }},
	{"rebuild-table", 2, func(f *farm, _ *rand.Rand) error { return f.care("rebuild-table") }},
	{"unlock", 1, func(f *farm, _ *rand.Rand) error { return f.care("unlock") }},
	{"verify", 2, func(f *farm, _ *rand.Rand) error { return f.care("verify") }},
}

// still are the commands that write nothing to a repository, or not at a time that others do.
var still = []string{
	"init", "points", "show", "diff", "restore", "check", "stats", "dump", "key", "doctor", "help", "completion", "import",
	"protect", "repair", "vsphere", "libvirt",
}

// offered asks the program which of the operations are in this release.
func offered(t *testing.T) map[string]bool {
	t.Helper()
	offers := map[string]bool{}
	for _, name := range append([]string{"forget", "protect"}, commandsOf(mix)...) {
		out, _ := exec.Command(program("vbackup"), name, "--a-flag-that-there-never-is").CombinedOutput()
		offers[name] = !strings.Contains(string(out), "is not in this release")
	}
	return offers
}

func commandsOf(ops []operation) (names []string) {
	for _, o := range ops {
		names = append(names, o.command)
	}
	return names
}

// TestMixIsWhole finds commands that nobody decided about.
func TestMixIsWhole(t *testing.T) {
	out, err := toolOut(program("vbackup"), "--help")
	check(t, err)
	_, list, _ := strings.Cut(out, "Available Commands:\n")
	list, _, ok := strings.Cut(list, "\n\n")
	if !ok {
		t.Fatalf("no list of commands: %s", out)
	}
	decided := append(append([]string{"backup", "forget"}, commandsOf(mix)...), still...)
	for _, m := range regexp.MustCompile(`(?m)^  (\S+)`).FindAllStringSubmatch(list, -1) {
		if !slices.Contains(decided, m[1]) {
			t.Errorf("vbackup %s is neither in the mix nor among what writes nothing", m[1])
		}
	}
}

// care runs a command that takes care of the repository. There may be two at once, of which one gives way.
func (f *farm) care(args ...string) error {
	o, err := f.do(args...)
	if err != nil && o.code == locked {
		return nil
	}
	return err
}

const (
	partly = 3 // exit codes
	locked = 11
)

// gaveWay tells of a copy that another one kept from some machines, or from all, and that met no other trouble.
func gaveWay(o outcome) bool {
	if o.code != partly && o.code != locked {
		return false
	}
	for line := range strings.Lines(o.err) {
		if strings.HasPrefix(line, "vbackup: ") && !strings.Contains(line, "another backup of this machine is running") {
			return false
		}
	}
	return true
}

// forgetSome forgets a point of a machine, or all but a few.
func (f *farm) forgetSome(m *machine) error {
	there := f.alive(m.name)
	if len(there) < 2 {
		return nil
	}
	if f.noRules || m.rnd.IntN(2) == 0 {
		return f.forgetOne(there[m.rnd.IntN(len(there)-1)]) // never the newest
	}
	n := 1 + m.rnd.IntN(3)
	return f.forget(there[:max(0, len(there)-n)], m.name, "--keep-last", fmt.Sprint(n))
}

// forgetOne forgets a point by its name, be it the last.
func (f *farm) forgetOne(p *point) error {
	return f.forget([]*point{p}, p.machine+"@"+p.id, "--allow-empty")
}

// choose chooses an operation of those that there are.
func (f *farm) choose(rnd *rand.Rand) operation {
	var all []operation
	for _, o := range mix {
		for range o.often {
			if f.offers[o.command] {
				all = append(all, o)
			}
		}
	}
	return all[rnd.IntN(len(all))]
}

// beside does all at once, and until that is done the mix: two at a time.
func (f *farm) beside(ctx context.Context, all []func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	done := make(chan struct{})
	var working sync.WaitGroup
	for _, do := range all {
		working.Add(1)
		g.Go(func() error { defer working.Done(); return do(ctx) })
	}
	go func() { working.Wait(); close(done) }()
	rnd := f.machines[0].rnd.Uint64()
	for i := range uint64(2) {
		g.Go(func() error { return f.keepCaring(ctx, done, rand.New(rand.NewPCG(rnd, i))) })
	}
	return g.Wait()
}

func (f *farm) keepCaring(ctx context.Context, done <-chan struct{}, rnd *rand.Rand) error {
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return nil
		default:
		}
		if err := f.choose(rnd).do(f, rnd); err != nil {
			return err
		}
	}
}

// calm is what later runs do, none of which may fail; then verify reads everything, and finds nothing. What one collection
// has dropped the next one ticks off.
func (f *farm) calm() error {
	for _, m := range f.machines {
		if err := errors.Join(m.change(), f.backup(m)); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"unlock"}, {"rebuild-table"}, {"prune"}, {"prune"}} {
		if !f.offers[args[0]] {
			continue
		}
		if _, err := f.calmly(args...); err != nil {
			return err
		}
	}
	_, err := f.calmly("verify", "--read-data")
	return err
}
