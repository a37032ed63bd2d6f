package acceptance

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vbfs/libnbd"
)

// TestDamage flips bits of packs that two machines share, and looks through all doors: what verify names cannot be read,
// all else can, and no wrong byte is ever served.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{{"--no-encryption"}, {"--compression", "s2"}} {
		t.Run(strings.Join(flags, ""), func(t *testing.T) {
			t.Parallel()
			r := initialize(t, flags...)
			all := sharers(t, r)
			rnd := rand.New(rand.NewPCG(*seed, 3))
			hurt := 0
			for range 6 {
				undo := flip(t, r, rnd)
				hurt += damagedDoors(t, r, all)
				undo()
			}
			if hurt == 0 {
				t.Error("no flipped bit hurt anybody")
			}
			r.whole(t)
		})
	}
}

// sharers makes points of three machines: two that share blocks, and one that shares none with them.
func sharers(t *testing.T, r *repository) (all []*instant) {
	t.Helper()
	first := newVictim(t, r, "first", 9*mib+100)
	first.change(t, mib, 3*mib)
	second := newVictim(t, r, "second", 9*mib+100)
	second.change(t, mib, 3*mib) // of the same dice: the same bytes
	alone := newVictim(t, r, "alone", 5*mib)
	alone.rnd = rand.NewChaCha8([32]byte{200})
	alone.change(t, 0, 2*mib)
	for _, v := range []*victim{first, second, alone, first} {
		r.ok(t, "backup", "vda="+v.path)
		machine := strings.TrimSuffix(filepath.Base(v.path), ".raw")
		points := r.points(t, machine)
		p := points[len(points)-1]
		all = append(all, &instant{machine, p.ID, p.Name, v.now.copy()})
		v.change(t, 2*mib, 100<<10)
	}
	return all
}

// flip changes a bit of a pack.
func flip(t *testing.T, r *repository, rnd *rand.Rand) (undo func()) {
	t.Helper()
	packs := r.packs(t)
	slices.SortFunc(packs, func(a, b string) int { return int(sizeOf(t, b) - sizeOf(t, a)) })
	name := packs[0] // the largest, which is shared
	if rnd.IntN(2) == 0 {
		name = packs[rnd.IntN(len(packs))]
	}
	b, err := os.ReadFile(name)
	check(t, err)
	bad := slices.Clone(b)
	bad[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
	put := func(b []byte) {
		check(t, os.Remove(name))
		check(t, os.WriteFile(name, b, 0o600))
	}
	put(bad)
	return func() { put(b) }
}

func sizeOf(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	check(t, err)
	return info.Size()
}

// damagedDoors reads all points by all doors, and gives how many are hurt. One is hurt by one door when it is by all.
func damagedDoors(t *testing.T, r *repository, all []*instant) (hurt int) {
	t.Helper()
	verified := r.vbackup(t, "verify", "--read-data")
	if verified.code != 4 || !strings.Contains(verified.out, "damaged: packs/") {
		t.Fatalf("verify ended with %d: %s%s", verified.code, verified.out, verified.err)
	}
	dir, socket := r.mount(t), r.serve(t)
	for _, in := range all {
		named := strings.Contains(verified.out, "hurts "+in.export()+",")
		if named {
			hurt++
		}
		for door, read := range map[string]func([]byte, int64) error{
			"mount": mountReader(t, dir, in), "NBD": nbdReader(t, socket, in),
		} {
			if bad := badUnits(t, in, door, read); (bad > 0) != named {
				t.Errorf("%s: %d bad blocks by %s; verify: %s", in.export(), bad, door, verified.out)
			}
		}
		restoreDamaged(t, r, in, named)
	}
	return hurt
}

func mountReader(t *testing.T, dir string, in *instant) func([]byte, int64) error {
	f, err := os.Open(filepath.Join(dir, "machines", in.machine, in.name, "disks/vda.raw"))
	check(t, err)
	t.Cleanup(func() { f.Close() })
	return func(p []byte, off int64) error { _, err := f.ReadAt(p, off); return err }
}

func nbdReader(t *testing.T, socket string, in *instant) func([]byte, int64) error {
	h, err := libnbd.Create()
	check(t, err)
	t.Cleanup(func() { h.Close() })
	if err := h.ConnectUri(unixURI(socket, in.export())); err != nil {
		return func([]byte, int64) error { return err } // a map without a root: nothing can be read
	}
	return func(p []byte, off int64) error { return h.Pread(p, uint64(off), nil) }
}

// badUnits counts what cannot be read. What can has to be right.
func badUnits(t *testing.T, in *instant, door string, read func([]byte, int64) error) (bad int) {
	t.Helper()
	for off := int64(0); off < in.disk.size; off += unit {
		p := make([]byte, min(unit, in.disk.size-off))
		err := read(p, off)
		var refused *libnbd.LibnbdError
		switch {
		case err == nil:
			if err := in.disk.differs(p, off); err != nil {
				t.Fatalf("%s: %s serves damage: %v", in.export(), door, err)
			}
		case errors.Is(err, syscall.EIO), errors.As(err, &refused) && refused.Errno == syscall.EIO:
			bad++
		default:
			t.Fatalf("%s: %s at %d: %v", in.export(), door, off, err)
		}
	}
	return bad
}

// restoreDamaged restores: all or nothing.
func restoreDamaged(t *testing.T, r *repository, in *instant, hurt bool) {
	t.Helper()
	dir := t.TempDir()
	to := filepath.Join(dir, "back.raw")
	res := r.vbackup(t, "restore", in.export(), to)
	stream := r.vbackup(t, "restore", in.export(), "-")
	if !hurt {
		if res.code != 0 || stream.code != 0 {
			t.Errorf("%s: restore ended with %d and %d: %s", in.export(), res.code, stream.code, res.err)
			return
		}
		check(t, fromFile(in, to))
		check(t, in.disk.differs([]byte(stream.out), 0))
		return
	}
	if res.code != 4 || stream.code != 4 {
		t.Errorf("%s: restore of what is damaged ended with %d and %d: %s", in.export(), res.code, stream.code, res.err)
	}
	if err := in.disk.differs([]byte(stream.out), 0); err != nil {
		t.Errorf("%s: what came before the damage: %v", in.export(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%s: a restore that failed left %v (%v)", in.export(), left, err)
	}
}
