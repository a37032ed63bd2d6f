package index_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
)

// repair repairs with all data read.
func (b *bench) repair(o index.RepairOptions) *index.Repaired {
	b.t.Helper()
	o.ReadData = everything
	got, err := b.repo.Repair(b.t.Context(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// told writes findings down.
func told(got *index.Repaired) (out string) {
	for _, f := range got.Findings {
		out += fmt.Sprintf("%s: %v: healed %v by %q, hurts %v\n", f.Object, f.What, f.Healed, f.By, f.Hurts)
	}
	return out
}

// allHealed checks that nothing is left of any damage.
func (b *bench) allHealed(got *index.Repaired) {
	b.t.Helper()
	for _, f := range got.Findings {
		if !f.Healed {
			b.t.Errorf("not healed:\n%s", told(got))
			break
		}
	}
	if got.Lost != 0 {
		b.t.Errorf("%d blocks are lost:\n%s", got.Lost, told(got))
	}
	b.open(false)
	b.whole()
	again := b.repair(index.RepairOptions{})
	if len(again.Findings) > 0 || again.Blocks > 0 || again.Marked+again.Cleared > 0 {
		b.t.Errorf("a second repair finds\n%s%+v", told(again), again)
	}
}

// vandal damages an object in one of several ways, and says which.
func (b *bench) vandal(rnd *rand.Rand, path string, remove bool) string {
	b.t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	how := rnd.IntN(6)
	if !remove {
		how %= 5
	}
	switch at := rnd.IntN(len(p)); how {
	case 0, 1:
		p[at] ^= 1 << rnd.IntN(8)
	case 2:
		p = p[:at]
	case 3:
		p[len(p)-1-rnd.IntN(min(len(p), 600))] ^= 1 << rnd.IntN(8)
	case 4:
		clear(p[at:min(len(p), at+9000)])
	case 5:
		if err := os.Remove(path); err != nil {
			b.t.Fatal(err)
		}
		return "removed " + path
	}
	if err := os.WriteFile(path, p, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprintf("damage %d of %s", how, path)
}

func (b *bench) files(pattern string) []string {
	b.t.Helper()
	out, err := filepath.Glob(filepath.Join(b.dir, pattern))
	if err != nil || out == nil {
		b.t.Fatal(pattern, err)
	}
	return out
}

// Whatever happens to packs, a repository that has copies of all points heals them all.
func TestRepairFromCopies(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			b, other := newBench(t, index.InitOptions{NoEncryption: true}), newBench(t, index.InitOptions{NoEncryption: true, Compression: "lz4"})
			lives := []*life{b.life("m1", 2*seed+1), b.life("m2", 2*seed+2)}
			for range 3 {
				for _, l := range lives {
					l.point()
				}
			}
			b.copyAll(other)
			rnd := seeded(seed)
			var done []string
			packs := b.files("packs/*/*")
			for range 1 + rnd.IntN(4) {
				i := rnd.IntN(len(packs))
				done = append(done, b.vandal(rnd, packs[i], true))
				packs = append(packs[:i], packs[i+1:]...)
			}
			b.open(false)
			t.Log(done)
			b.allHealed(b.repair(index.RepairOptions{From: other.repo}))
			b.checkAll(lives)
		})
	}
}

// checkAll compares all points with what their disks held.
func (b *bench) checkAll(lives []*life) {
	b.t.Helper()
	points, err := b.repo.Points(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range points {
		for _, l := range lives {
			if m.MachineName == l.name {
				b.check(m, l.states[m.Name])
			}
		}
	}
}

// addresses gives where the blocks of a point's disk lie, by their numbers.
func (b *bench) addresses(m *format.Manifest) map[int64]format.Address {
	b.t.Helper()
	out := map[int64]format.Address{}
	run := func(r imagemap.Run) error {
		for n := r.First; n < r.End(); n++ {
			out[n] = r.Address(n)
		}
		return nil
	}
	if err := b.image(m).Map().Walk(b.t.Context(), func(uint8, int64, format.Child) (bool, error) { return true, nil }, run); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// A block that is stored twice heals itself.
func TestRepairFromTwins(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m1", 1)
	first := l.point()
	if err := os.RemoveAll(filepath.Join(b.dir, "table")); err != nil {
		t.Fatal(err)
	}
	blind, err := index.Open(t.Context(), b.store, index.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer blind.Close()
	if _, err := putDisk(t.Context(), blind, "m2", l.disk, nil, nil); err != nil {
		t.Fatal(err)
	}
	hurt := 0
	for _, a := range b.addresses(first) {
		if hurt++; hurt%3 == 0 {
			b.hurtSlot(a)
		}
	}
	b.open(false)
	b.allHealed(b.repair(index.RepairOptions{}))
	b.check(first, l.disk)
}

// The disk as it is now heals what did not change since; bytes that did are never taken.
func TestRepairFromTheLiveDisk(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m1", 1)
	m := l.point()
	now := bytes.Clone(l.disk)
	var hurt []int64
	for n, a := range b.addresses(m) {
		b.hurtSlot(a)
		hurt = append(hurt, n)
	}
	slices.Sort(hurt)
	for i, n := range hurt {
		if i%2 == 0 {
			fillRandom(l.rnd, now[n<<block.Log2Size:][:block.Len(n, int64(len(now)))])
		}
	}
	b.open(false)
	live := index.Live{ReaderAt: bytes.NewReader(now), Size: int64(len(now)), Machine: "m1", Disk: "vda", Name: "now.raw"}
	stranger := index.Live{ReaderAt: bytes.NewReader(l.disk), Size: int64(len(l.disk)), Machine: "m2", Disk: "vda", Name: "stranger"}
	got := b.repair(index.RepairOptions{Live: []index.Live{stranger, live}})
	b.open(false)
	im := b.image(m)
	for i, n := range hurt {
		want := l.disk[n<<block.Log2Size:][:block.Len(n, int64(len(now)))]
		p := make([]byte, len(want))
		_, err := im.ReadAt(p, n<<block.Log2Size)
		if i%2 == 0 && !errors.Is(err, index.ErrCorrupt) && !slices.ContainsFunc(hurt, func(o int64) bool { return twin(l.disk, now, n, o) }) {
			t.Errorf("block %d changed, and is read: %v", n, err)
		}
		if i%2 == 1 && (err != nil || !bytes.Equal(p, want)) {
			t.Errorf("block %d is not healed: %v\n%s", n, err, told(got))
		}
	}
	live.ReaderAt, live.Size = bytes.NewReader(l.disk), int64(len(l.disk))
	b.allHealed(b.repair(index.RepairOptions{Live: []index.Live{live}}))
	b.check(m, l.disk)
}

// twin tells whether block o of now is block n of before.
func twin(before, now []byte, n, o int64) bool {
	cut := func(d []byte, n int64) []byte { return d[n<<block.Log2Size:][:block.Len(n, int64(len(d)))] }
	return bytes.Equal(cut(before, n), cut(now, o))
}

// What cannot be healed is named as verify names it, reads as an error, and is marked: new backups store it again, and then
// it is healed.
func TestRepairMarksWhatIsLost(t *testing.T) {
	for _, what := range []string{"blocks", "nodes", "pack"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, index.InitOptions{NoEncryption: true})
			lives := []*life{b.life("m1", 1), b.life("m2", 2)}
			hurt := lives[0].point()
			last := bytes.Clone(lives[0].disk)
			lives[1].point()
			switch what {
			case "blocks":
				for n, a := range b.addresses(hurt) {
					if n%2 == 0 {
						b.hurtSlot(a)
					}
				}
			case "nodes":
				b.hurtNodes(hurt)
			case "pack":
				for _, a := range b.addresses(hurt) {
					os.Remove(b.files("packs/*/" + a.Pack.String())[0])
					break
				}
			}
			b.open(false)
			problems, err := b.repo.Verify(t.Context(), index.VerifyOptions{ReadData: everything})
			if err != nil {
				t.Fatal(err)
			}
			got := b.repair(index.RepairOptions{})
			if ranges(problems) != rangesOf(got) || got.Lost == 0 || got.Marked != 1 || got.Blocks != 0 {
				t.Errorf("verify: %s\nrepair: %s%+v", ranges(problems), rangesOf(got), got)
			}
			again := b.repair(index.RepairOptions{})
			if rangesOf(again) != rangesOf(got) || again.Marked != 0 || again.Lost != got.Lost {
				t.Errorf("again: %s%+v", rangesOf(again), again)
			}
			b.open(false)
			quick, err := b.repo.Verify(t.Context(), index.VerifyOptions{})
			if err != nil || ranges(quick) != ranges(problems) {
				t.Errorf("without a look at the data: %s, %v", ranges(quick), err)
			}
			b.unreadableOnly(hurt, last, problems)
			b.checkAll(lives[1:])
			facts, err := b.repo.Notes(t.Context())
			if err != nil || len(facts) != 1 || facts[hurt.Point].Damaged == "" {
				t.Errorf("notes: %v, %v", facts, err)
			}
			if _, err := b.repo.Begin(t.Context(), index.BeginOptions{Machine: "m1"}); err != nil {
				t.Fatal(err)
			}
			endSessions(t, b.repo)
			if _, err := putDisk(t.Context(), b.repo, "m1", last, b.image(hurt), map[int64]bool{}); !errors.Is(err, index.ErrParent) {
				t.Errorf("an increment upon it: %v", err)
			}
			next, err := putDisk(t.Context(), b.repo, "m1", last, b.image(hurt), nil)
			if err != nil {
				t.Fatal(err)
			}
			b.check(next, last)
			live := index.Live{ReaderAt: bytes.NewReader(last), Size: int64(len(last)), Machine: "m1", Disk: "vda", Name: "now.raw"}
			healed := b.repair(index.RepairOptions{Live: []index.Live{live}})
			b.allHealed(healed)
			b.check(hurt, last)
			if healed.Cleared != 1 {
				t.Errorf("%d notes are withdrawn", healed.Cleared)
			}
		})
	}
}

// ranges writes down what problems hurt, whatever they are.
func ranges(problems []*index.Problem) string {
	var out []string
	for _, p := range problems {
		for _, h := range p.Hurts {
			for off := h.Off; off < h.Off+h.Len; off += block.Size {
				out = append(out, fmt.Sprintf("%s@%s:%s %d", h.Machine, h.Name, h.Disk, off))
			}
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "\n")
}

func rangesOf(got *index.Repaired) string {
	var problems []*index.Problem
	for _, f := range got.Findings {
		if !f.Healed {
			problems = append(problems, &f.Problem)
		}
	}
	return ranges(problems)
}

// unreadableOnly checks that just the bytes that problems name cannot be read, and that all others are right.
func (b *bench) unreadableOnly(m *format.Manifest, want []byte, problems []*index.Problem) {
	b.t.Helper()
	lost := map[int64]bool{}
	for _, p := range problems {
		for _, h := range p.Hurts {
			for off := h.Off; off < h.Off+h.Len; off += block.Size {
				lost[off>>block.Log2Size] = true
			}
		}
	}
	im, p := b.image(m), make([]byte, block.Size)
	for n := range block.Count(im.Size()) {
		k, err := im.ReadAt(p[:block.Len(n, im.Size())], n<<block.Log2Size)
		if lost[n] != errors.Is(err, index.ErrCorrupt) {
			b.t.Fatalf("block %d: %v, lost %v", n, err, lost[n])
		}
		if !lost[n] && !bytes.Equal(p[:k], want[n<<block.Log2Size:][:k]) {
			b.t.Fatalf("block %d is another", n)
		}
	}
}

// Who says to have a copy and has other bytes heals nothing, and keeps nobody else from healing.
func TestRepairFromALiar(t *testing.T) {
	t.Parallel()
	for _, hurt := range []string{"blocks", "pack", "nodes"} {
		t.Run(hurt, func(t *testing.T) {
			t.Parallel()
			b, liar := newBench(t, index.InitOptions{NoEncryption: true}), newBench(t, index.InitOptions{NoEncryption: true})
			l := b.life("m", 3)
			m := l.point()
			forge(t, liar, b.repo.ID(), m)
			for _, a := range b.addresses(m) {
				switch hurt {
				case "blocks":
					b.hurtSlot(a)
					continue
				case "pack":
					os.Remove(b.files("packs/*/" + a.Pack.String())[0])
				case "nodes":
					b.hurtNodes(m)
				}
				break
			}
			b.open(false)
			wrong, right := bytes.Repeat([]byte{7}, len(l.disk)), l.disk
			o := index.RepairOptions{From: liar.repo}
			o.Live = []index.Live{{ReaderAt: bytes.NewReader(wrong), Size: int64(len(wrong)), Disk: "vda", Name: "wrong"}}
			got := b.repair(o)
			if got.Blocks != 0 || got.Lost == 0 {
				t.Errorf("healed %d, lost %d:\n%s", got.Blocks, got.Lost, told(got))
			}
			o.Live = append(o.Live, index.Live{ReaderAt: bytes.NewReader(right), Size: int64(len(right)), Disk: "vda", Name: "right"})
			b.allHealed(b.repair(o))
			b.check(m, l.disk)
		})
	}
}

// A leaf is made anew as it was also when its blocks lie in several places.
func TestRepairOfALeafWhoseBlocksAreStoredTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m1", 1)
	l.disk = l.disk[:17<<20]
	first := b.put("m1", l.disk, nil, nil)
	last := first
	for range 7 {
		changed := churn(l.rnd, l.disk, 9)
		last = b.put("m1", l.disk, b.image(last), changed)
	}
	blind, err := index.Open(t.Context(), b.store, index.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer blind.Close()
	if _, err := putDisk(t.Context(), blind, "m2", l.disk, nil, nil); err != nil {
		t.Fatal(err)
	}
	b.hurtNodes(last)
	b.open(false)
	b.allHealed(b.repair(index.RepairOptions{Live: []index.Live{{ReaderAt: bytes.NewReader(l.disk), Size: int64(len(l.disk)), Disk: "vda"}}}))
	b.check(last, l.disk)
}

// Block IDs that are damaged in a pack, and then in the bundle that took its place, too, are made anew.
func TestRepairOfIDsTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m1", 1)
	m := l.point()
	for bit := range 3 {
		for _, pattern := range []string{"packs/*/*", "bundles/*/*"} {
			for _, path := range b.maybe(pattern) {
				b.hurtIDs(path, bit)
			}
		}
		b.open(false)
		b.allHealed(b.repair(index.RepairOptions{}))
	}
	b.check(m, l.disk)
	if twin := b.put("m2", l.disk, nil, nil); twin.Disks[0].New != 0 {
		t.Errorf("%d bytes are stored again", twin.Disks[0].New)
	}
}

// hurtIDs turns over a bit of the block IDs of a pack or bundle: the footer says where they begin.
func (b *bench) hurtIDs(path string, bit int) {
	b.t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	p[binary.LittleEndian.Uint64(p[len(p)-16:])+3] ^= 1 << bit
	if err := os.WriteFile(path, p, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// A pack without a footer has all its blocks still.
func TestRepairWithoutFooters(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{})
	l := b.life("m", 1)
	m := l.point()
	for i, path := range b.files("packs/*/*") {
		p, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, p[:len(p)-1-i*20], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.open(true)
	got := b.repair(index.RepairOptions{})
	if got.Lost > 0 || got.Blocks == 0 {
		t.Errorf("%+v\n%s", got, told(got))
	}
	b.open(true)
	b.whole()
	b.check(m, l.disk)
	if at, err := b.repo.VerifiedAt(t.Context()); err != nil || at[m.Point].IsZero() {
		t.Errorf("it is not known to be whole: %v, %v", at, err)
	}
	if _, err := b.repo.Prune(t.Context(), index.PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	if left := b.maybe("packs/*/*"); left != nil {
		t.Errorf("packs that nobody needs stay: %v", left)
	}
	b.open(true)
	b.whole()
	b.check(m, l.disk)
}

// A donor that gives other bytes when it is asked again heals nothing: what is written is what was proven.
func TestRepairFromAFickleDisk(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m1", 1)
	m := l.point()
	for _, a := range b.addresses(m) {
		b.hurtSlot(a)
	}
	b.open(false)
	got := b.repair(index.RepairOptions{Live: []index.Live{{ReaderAt: &fickle{p: l.disk, seen: map[int64]bool{}}, Size: int64(len(l.disk)), Disk: "vda"}}})
	if got.Blocks != 0 || got.Lost != len(b.addresses(m)) {
		t.Errorf("%+v", got)
	}
	b.open(false)
	if problems, err := b.repo.Verify(t.Context(), index.VerifyOptions{}); err != nil || len(problems) != got.Lost {
		t.Errorf("%d problems, %v", len(problems), err)
	}
}

// fickle gives the right bytes at a place once.
type fickle struct {
	p    []byte
	seen map[int64]bool
}

func (f *fickle) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, f.p[off:])
	if f.seen[off] {
		p[0] ^= 1
	}
	f.seen[off] = true
	return n, nil
}

// A damaged bundle beside others that hold slots of the same pack hurts no more than what it held.
func TestDamagedBundleHurtsItsSlotsAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m", 1)
	m := l.point()
	live := index.Live{ReaderAt: bytes.NewReader(l.disk), Size: int64(len(l.disk)), Disk: "vda"}
	at := b.addresses(m)
	var packs = map[format.PackID][]int64{}
	for n, a := range at {
		packs[a.Pack] = append(packs[a.Pack], n)
	}
	for id, blocks := range packs { // one bundle for some of a pack's slots, then another for others, then the pack is lost
		if len(blocks) < 4 {
			continue
		}
		slices.Sort(blocks)
		b.hurtSlot(at[blocks[0]])
		b.repair(index.RepairOptions{Live: []index.Live{live}})
		first := b.maybe("bundles/*/*")
		b.hurtSlot(at[blocks[1]])
		b.repair(index.RepairOptions{Live: []index.Live{live}})
		if err := os.Remove(b.files("packs/*/" + id.String())[0]); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(first[0], 50); err != nil {
			t.Fatal(err)
		}
		b.open(false)
		im := b.image(m)
		for i, n := range blocks {
			p := make([]byte, block.Len(n, im.Size()))
			_, err := im.ReadAt(p, n<<block.Log2Size)
			if healed := i == 1; healed != (err == nil) {
				t.Errorf("block %d: %v", n, err)
			}
		}
		for range 2 { // without the bundle, too
			problems, err := b.repo.Verify(t.Context(), index.VerifyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			b.unreadableOnly(m, l.disk, problems)
			os.Remove(first[0])
			b.open(false)
		}
		b.allHealed(b.repair(index.RepairOptions{Live: []index.Live{live}}))
		b.check(m, l.disk)
		moves, err := b.repo.Dump(t.Context(), filepath.Join("moves", filepath.Base(b.files("moves/*")[0])))
		if text, _ := json.Marshal(moves); err != nil || strings.Contains(string(text), filepath.Base(first[0])) {
			t.Errorf("a lost bundle is named still: %s, %v", text, err)
		}
		return
	}
	t.Fatal("no pack of several blocks")
}
