package torture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDamaged flips bits of objects of every kind, and cuts objects off: verify finds each and names it, what it says
// that it hurts may be refused, and everything else reads as it was.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for i, flags := range [][]string{{"--no-encryption"}, {"--compression", "s2"}} {
		t.Run(strings.Join(flags, ""), func(t *testing.T) {
			t.Parallel()
			n := *flips * 9 / 10
			if i > 0 {
				n = *flips - n // each pays for the password, with all that leads to it
			}
			damage(t, dice(t, i), n, flags)
		})
	}
}

func damage(t *testing.T, rnd *rand.Rand, n int, flags []string) {
	dir := tempDir(t, 4<<30)
	tell(t, fmt.Sprintf("-flips %d", *flips), dir)
	f := newFarm(t, dir, dir, rnd, flags...)
	sealed := !slices.Contains(flags, "--no-encryption")
	due := []string{"config", "keyring", "keys", "points", "packs", "table"}
	if sealed && n < 100 {
		check(t, errors.Join(f.turn(f.machines[0]), f.turn(f.machines[1])))
	} else {
		check(t, f.everyKind(rnd))
		due = f.due()
	}
	kinds, err := f.kinds()
	check(t, err)
	for _, k := range due {
		if kinds[k] == nil {
			t.Errorf("no object of %s to damage: %v", k, kinds)
		}
	}
	hurt, hit := 0, map[string]int{}
	for i := range max(n, len(kinds)) {
		kinds, err := f.kinds() // each verification leaves another record
		check(t, err)
		v, err := choose(rnd, i, f.dir, kinds)
		check(t, err)
		check(t, v.spoil(rnd))
		h, err := f.damaged(rnd, v)
		if err != nil {
			t.Errorf("%v: %v", v, err)
		}
		check(t, v.heal())
		hurt += h
		hit[v.kind]++
	}
	o, err := f.calmly("verify", "--read-data")
	check(t, err)
	t.Logf("damaged: %v; %d times a point was hurt; %s", hit, hurt, o.out)
}

// everyKind makes a repository with objects of every kind: also those that only the dead leave.
func (f *farm) everyKind(rnd *rand.Rand) error {
	if err := f.work(2); err != nil {
		return err
	}
	m := f.machines[0]
	if _, err := f.stop(m, "pending", true, rnd); err != nil { // a void
		return err
	}
	if f.offers["prune"] && f.offers["forget"] {
		if err := f.dyingPrune(m); err != nil {
			return err
		}
	}
	if f.offers["protect"] {
		p := f.alive("")[0]
		if _, err := f.calmly("protect", p.machine+"@"+p.id); err != nil {
			return err
		}
	}
	if err := errors.Join(m.change(), f.backup(m), m.change()); err != nil { // packs that nobody has moved yet
		return err
	}
	if _, err := f.calmly("verify", "--read-data"); err != nil {
		return err
	}
	f.try(m)
	return f.dying("pending", "backup", "--machine", m.name, "vda="+m.path)
}

// dyingPrune leaves what prune makes, and a collection that did not come to its end.
func (f *farm) dyingPrune(m *machine) error {
	for range 2 {
		if err := f.makeGarbage(m); err != nil {
			return err
		}
		if _, err := f.calmly("prune", "--max-unused", "0"); err != nil {
			return err
		}
	}
	if err := f.makeGarbage(m); err != nil {
		return err
	}
	return f.dying("gc", "prune", "--max-unused", "0")
}

// dying runs a command that is killed behind a stage.
func (f *farm) dying(stage string, args ...string) error {
	if err := os.MkdirAll(filepath.Join(f.dir, stage), 0o700); err != nil {
		return err
	}
	w, err := f.stopAt(stage, false, args...)
	if err != nil {
		return err
	}
	return w.die()
}

// due are the kinds of objects that there must be by now.
func (f *farm) due() []string {
	due := []string{"config", "keyring", "sessions", "pending", "points", "packs", "table"}
	if slices.Contains(f.env, password) {
		due = append(due, "keys")
	}
	if f.offers["prune"] && f.offers["forget"] {
		due = append(due, "gc", "bundles", "moves")
	}
	if f.offers["protect"] {
		due = append(due, "notes")
	}
	return due
}

// kinds gives the objects of each kind, by the folder that they lie in; the reserve holds nothing.
func (f *farm) kinds() (map[string][]string, error) {
	kinds := map[string][]string{}
	return kinds, filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(f.dir, path)
		if kind, _, _ := strings.Cut(rel, "/"); kind != "reserve" {
			kinds[kind] = append(kinds[kind], rel)
		}
		return err
	})
}

// A victim is an object that is damaged for a while.
type victim struct {
	dir, kind, name string
	was             []byte
	how             string
}

func (v *victim) String() string { return v.name + ", " + v.how }

// choose chooses an object of each kind in turn.
func choose(rnd *rand.Rand, turn int, dir string, kinds map[string][]string) (*victim, error) {
	var all []string
	for k := range kinds {
		all = append(all, k)
	}
	slices.Sort(all)
	v := &victim{dir: dir, kind: all[turn%len(all)]}
	v.name = kinds[v.kind][rnd.IntN(len(kinds[v.kind]))]
	var err error
	v.was, err = os.ReadFile(filepath.Join(dir, v.name))
	return v, err
}

func (v *victim) spoil(rnd *rand.Rand) error {
	bad := slices.Clone(v.was)
	if rnd.IntN(4) == 0 {
		bad = bad[:rnd.IntN(len(bad))]
		v.how = fmt.Sprintf("cut off after %d bytes of %d", len(bad), len(v.was))
	} else {
		bit := rnd.IntN(8 * len(bad))
		bad[bit/8] ^= 1 << (bit % 8)
		v.how = fmt.Sprintf("bit %d flipped", bit)
	}
	return os.WriteFile(filepath.Join(v.dir, v.name), bad, 0o600)
}

func (v *victim) heal() error { return os.WriteFile(filepath.Join(v.dir, v.name), v.was, 0o600) }

// damaged looks at a repository with a damaged object, and gives how many points it hurts.
func (f *farm) damaged(rnd *rand.Rand, v *victim) (int, error) {
	o, err := by(patiently, f.command("vbackup", "verify", "--read-data", "--json"))
	if err != nil {
		return 0, err
	}
	named := strings.Contains(o.out+o.err, v.name)
	if named && o.code == 1 && strings.Contains(o.err, "newer release") {
		return 0, nil // what is needed to open at all: a version that is not known cannot be told from one to come
	}
	if o.code != 4 || !named {
		return 0, fmt.Errorf("not found, or not named: %w", o)
	}
	hurt, opens, err := hurtBy(o.out)
	if err != nil {
		return 0, err
	}
	points := f.alive("")
	if !opens {
		p := points[0]
		o, err := by(patiently, f.command("vbackup", "restore", p.machine+"@"+p.id+":vda", "-"))
		if err != nil || o.code == 0 || o.out != "" && !strings.HasPrefix(o.out, `{"type":"error"`) {
			return 0, fmt.Errorf("a repository that does not open serves %d bytes: exit code %d, %w", len(o.out), o.code, err)
		}
		return 0, nil
	}
	return len(hurt), f.servesNoWrongByte(rnd, points, hurt)
}

// hurtBy gives the points that verify says are hurt, and whether it got as far as that.
func hurtBy(out string) (hurt map[string]bool, opens bool, err error) {
	hurt = map[string]bool{}
	for line := range strings.Lines(out) {
		var l struct {
			Type  string
			Hurts []listed
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			return nil, false, fmt.Errorf("not a JSON line: %q", line)
		}
		for _, h := range l.Hurts {
			hurt[h.ID] = true
		}
		opens = opens || l.Type == "summary"
	}
	return hurt, opens, nil
}

func (f *farm) servesNoWrongByte(rnd *rand.Rand, points []*point, hurt map[string]bool) error {
	var all []listed
	for _, p := range points {
		all = append(all, listed{Machine: p.machine, Name: p.name, ID: p.id})
	}
	var wrong error
	err := f.through(rnd, f.dir, all, func(p listed, s sum, err error) {
		switch {
		case err != nil && !hurt[p.ID]:
			wrong = fmt.Errorf("%s@%s cannot be read, which verify does not say: %w", p.Machine, p.Name, err)
		case err == nil && s != f.known(p.ID).sum:
			wrong = fmt.Errorf("WRONG BYTES: %s@%s reads as %x, want %x", p.Machine, p.Name, s, f.known(p.ID).sum)
		}
	})
	if wrong != nil {
		return wrong
	}
	return err
}
