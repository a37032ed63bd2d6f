package acceptance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sync/errgroup"

	"vbfs/index"
)

// TestModel lets guests live and holds every point of them against what their disks held then.
func TestModel(t *testing.T) {
	r := initialize(t)
	guests := []*guest{
		newGuest("raw", newLive(t, "raw", 131*mib+5*512), 131*mib+5*512),
		newGuest("qcow2", newLive(t, "qcow2", 129*mib+77*512), 129*mib+77*512),
		newGuest("plain", newPlain(t, 130*mib+12345), 130*mib+12345),
	}
	d := &doors{r: r, tree: r.mount(t), nbd: r.serve(t), rnd: rand.New(rand.NewPCG(*seed, 1)), spare: t.TempDir()}
	stranger := strangersTable(t)
	for i, p := range []struct {
		procs   int
		vandals bool
	}{{1, false}, {8, false}, {1, true}, {8, true}} {
		t.Run(fmt.Sprintf("procs=%d,vandals=%v", p.procs, p.vandals), func(t *testing.T) {
			before := runtime.GOMAXPROCS(p.procs)
			t.Cleanup(func() { runtime.GOMAXPROCS(before) })
			t.Setenv("GOMAXPROCS", fmt.Sprint(p.procs))
			if p.vandals {
				t.Cleanup(vandalize(t, r.dir, stranger))
			}
			n := (*rounds + 3 - i) / 4
			lives(t, guests, n, r, d)
		})
		if t.Failed() {
			return
		}
	}
	judge(t, guests, d, r.open(t))
	r.ok(t, "rebuild-table")
	judge(t, guests, d, r.open(t))
	r.whole(t)
}

// lives runs all guests at once. Each has the repository open for itself.
func lives(t *testing.T, guests []*guest, n int, r *repository, d *doors) {
	t.Run("guests", func(t *testing.T) {
		for _, g := range guests {
			t.Run(g.name, func(t *testing.T) {
				t.Parallel()
				repo := r.open(t)
				for range n {
					g.live(t)
					g.capture(t, r, repo)
					check(t, g.past[len(g.past)-1].readAt(t.Context(), repo, g.rnd, 6))
					old := g.past[g.rnd.IntN(len(g.past))]
					check(t, old.readAt(t.Context(), repo, g.rnd, 3))
					if g.turn%4 == 0 {
						d.peek(t, old, g.rnd)
					}
					if care := map[int]string{5: "verify", 9: "rebuild-table", 12: "check"}[g.turn%14]; care != "" {
						take(t, r, care)
					}
				}
			})
		}
	})
}

// take takes care of the repository while others write to it. check has nothing to complain of but the table.
func take(t *testing.T, r *repository, care string) {
	t.Helper()
	if res := r.vbackup(t, care); res.code != 0 && care != "check" {
		t.Errorf("%s ended with %d: %s%s", care, res.code, res.out, res.err)
	}
}

// judge reads every point, and some of them through all doors: each guest's last two, and two by chance.
func judge(t *testing.T, guests []*guest, d *doors, repo *index.Repository) {
	t.Helper()
	d.repo = repo
	check(t, everyPoint(t.Context(), guests, repo))
	for _, g := range guests {
		last := len(g.past) - 1
		for _, i := range []int{last, last - 1, d.rnd.IntN(last), d.rnd.IntN(last)} {
			d.all(t, g.past[i])
		}
	}
}

func everyPoint(ctx context.Context, guests []*guest, repo *index.Repository) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, guest := range guests {
		for _, in := range guest.past {
			g.Go(func() error { return in.whole(ctx, repo) })
		}
	}
	return g.Wait()
}

// strangersTable is a segment of a repository of its own.
func strangersTable(t *testing.T) []byte {
	t.Helper()
	r := initialize(t, "--no-encryption")
	name := filepath.Join(t.TempDir(), "stranger.raw")
	p := make([]byte, 2*mib)
	rand.NewChaCha8([32]byte{7}).Read(p)
	check(t, os.WriteFile(name, p, 0o600))
	r.ok(t, "backup", name)
	names, err := filepath.Glob(filepath.Join(r.dir, "table/*.db"))
	check(t, err)
	if len(names) == 0 {
		t.Fatal("a repository without a table")
	}
	b, err := os.ReadFile(names[0])
	check(t, err)
	return b
}
