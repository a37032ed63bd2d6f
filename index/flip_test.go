package index_test

import (
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
)

var flips = flag.Int("flips", 120, "bits to flip, one at a time, in each kind of repository")

// A flipped bit anywhere in a repository is found, and what it hurts is what a plain reading of everything says.
func TestEveryFlippedBitIsFound(t *testing.T) {
	for _, o := range []index.InitOptions{{NoEncryption: true, Compression: "lz4"}, {}} {
		t.Run(fmt.Sprintf("encrypted=%v", !o.NoEncryption), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, o)
			disks := b.twoMachines()
			flips := *flips
			if !o.NoEncryption {
				flips /= 4 // each pays for Argon2id
			}
			rnd := seeded(3)
			for range flips {
				name, undo := b.flip(rnd)
				b.compareWithModel(name, !o.NoEncryption, disks)
				undo()
			}
		})
	}
}

// twoMachines makes three points of each of two machines that share blocks, and gives their disks by name.
func (b *bench) twoMachines() map[string][]byte {
	rnd := seeded(2)
	disks := map[string][]byte{}
	disk := make([]byte, 33<<20+5)
	churn(rnd, disk[:3<<20], 60)
	churn(rnd, disk[20<<20:22<<20], 20)
	for range 3 {
		for _, name := range []string{"m1", "m2"} {
			churn(rnd, disk[:1<<20], 2)
			m := b.put(name, disk, nil, nil)
			disks[name+"@"+m.Name] = slices.Clone(disk)
			if err := b.repo.AddNote(b.t.Context(), m.Point, format.NoteDamaged, "vda"); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	return disks
}

// flip changes a bit of a random object, and gives its name and how to undo it.
func (b *bench) flip(rnd *rand.Rand) (name string, undo func()) {
	var names []string
	filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, path)
		}
		return err
	})
	path := names[rnd.IntN(len(names))]
	before, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	after := slices.Clone(before)
	bit := rnd.IntN(8 * len(after))
	after[bit/8] ^= 1 << (bit % 8)
	write := func(p []byte) {
		if err := os.WriteFile(path, p, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	write(after)
	rel, _ := filepath.Rel(b.dir, path)
	return fmt.Sprintf("%s bit %d", rel, bit), func() { write(before) }
}

// compareWithModel opens the repository anew, verifies it, and compares with what a reading of every block says.
func (b *bench) compareWithModel(flip string, encrypted bool, disks map[string][]byte) {
	b.t.Helper()
	store, err := object.OpenLocal(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	defer store.Close()
	o := index.OpenOptions{Table: filepath.Join(b.dir, "table")}
	if encrypted {
		o.Password = password
	}
	repo, err := index.Open(b.t.Context(), store, o)
	if err != nil {
		return // found by everything that opens it
	}
	defer repo.Close()
	problems, err := repo.Verify(b.t.Context(), index.VerifyOptions{ReadData: func(format.PackID) bool { return true }})
	if err != nil || len(problems) == 0 {
		b.t.Fatalf("%s: not found: %d problems, %v", flip, len(problems), err)
	}
	got := map[string]bool{}
	for _, p := range problems {
		for _, h := range p.Hurts {
			got[fmt.Sprintf("%s@%s", h.Machine, h.Name)] = true
			if h.Disk == "" {
				continue
			}
			for off := h.Off; off < h.Off+h.Len; off += block.Size {
				got[fmt.Sprintf("%s@%s %d", h.Machine, h.Name, off>>block.Log2Size)] = true
			}
		}
	}
	want := b.unreadable(repo, disks)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		b.t.Fatalf("%s: verify says %v, reading says %v (%v)", flip, got, want, problems[0].What)
	}
}

// unreadable reads every block of every point: those that give an error; wrong bytes end the test.
func (b *bench) unreadable(repo *index.Repository, disks map[string][]byte) map[string]bool {
	b.t.Helper()
	out := map[string]bool{}
	points, err := repo.Points(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if len(points) != len(disks) {
		b.t.Fatalf("%d points of %d are listed", len(points), len(disks))
	}
	for _, p := range points {
		name := p.MachineName + "@" + p.Name
		m, err := repo.Point(b.t.Context(), p)
		if err != nil {
			out[name] = true
			continue
		}
		im, err := repo.Image(m, "vda")
		if err != nil {
			b.t.Fatal(err)
		}
		want, buf := disks[name], make([]byte, block.Size)
		for n := range block.Count(im.Size()) {
			off := n << block.Log2Size
			k, err := im.ReadAt(buf[:block.Len(n, im.Size())], off)
			if err != nil {
				out[name], out[fmt.Sprintf("%s %d", name, n)] = true, true
			} else if string(buf[:k]) != string(want[off:off+int64(k)]) {
				b.t.Fatalf("%s: wrong bytes in block %d", name, n)
			}
		}
	}
	return out
}
