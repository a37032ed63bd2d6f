package table

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"vbfs/index/format"
)

func mergeAll(t testing.TB, tab *Table, keep Keep) {
	t.Helper()
	if err := tab.Merge(context.Background(), keep); err != nil {
		t.Fatal(err)
	}
}

func TestMergeTier(t *testing.T) {
	dir := t.TempDir()
	big := newEntries(100, 50_000)
	bigName := write(t, dir, big)
	all := slices.Clone(big)
	for i := range fanIn {
		all = append(all, newEntries(uint64(i), 500+i)...)
		write(t, dir, newEntries(uint64(i), 500+i))
	}
	tab := open(t, dir)
	packs := len(tab.Packs())
	mergeAll(t, tab, Keep{})
	infos := tab.Segments()
	if len(infos) != 2 || infos[0].Keys+infos[1].Keys != int64(len(all)) || len(tab.Packs()) != packs {
		t.Fatalf("merged to %+v", infos)
	}
	for _, s := range infos {
		checkFile(t, dir, s.Name)
	}
	for _, e := range all {
		if !has(tab, e) {
			t.Fatalf("%x is lost", e.Key)
		}
	}
	checkNames(t, dir, infos[0].Name, infos[1].Name)
	if infos[0].Name != bigName && infos[1].Name != bigName {
		t.Error("a segment of another tier was rewritten")
	}
}

// Of one key the newest address is kept, and the pack of an older one stays named.
func TestMergeKeepsNewest(t *testing.T) {
	dir := t.TempDir()
	for i := range fanIn {
		at := format.Address{Pack: format.PackID{byte(i)}}
		name := write(t, dir, []Entry{{Key: [keySize]byte{7}, At: at}})
		age(t, dir, name, (i*5)%fanIn) // 5 is the newest's number: 5*5 % 8 = 1, 3*5 % 8 = 7
	}
	tab := open(t, dir)
	mergeAll(t, tab, Keep{})
	var got []format.Address
	tab.Lookup(blockID([keySize]byte{7}), func(a format.Address) bool {
		got = append(got, a)
		return false
	})
	if len(got) != 1 || got[0].Pack != (format.PackID{3}) || len(tab.Packs()) != fanIn {
		t.Errorf("proposes %v, names %d packs", got, len(tab.Packs()))
	}
}

func TestMergeDropsWhatIsNotKept(t *testing.T) {
	dir := t.TempDir()
	gone, half, whole := format.PackID{1}, format.PackID{2}, format.PackID{3}
	var entries []Entry
	for i, p := range []format.PackID{gone, gone, half, half, whole} {
		entries = append(entries, Entry{Key: [keySize]byte{byte(i)}, At: format.Address{Pack: p, Slot: uint16(i)}})
	}
	write(t, dir, slices.Clone(entries[:3]))
	write(t, dir, slices.Clone(entries[3:]))
	tab := open(t, dir)
	keep := func(a format.Address) bool { return a.Pack != gone && a.Slot != 2 }
	mergeAll(t, tab, Keep{Address: keep})
	for _, e := range entries {
		if has(tab, e) != keep(e.At) {
			t.Errorf("%v: found %v", e.At, !keep(e.At))
		}
	}
	packs := tab.Packs()
	if _, named := packs[gone]; named || len(packs) != 2 || len(tab.Segments()) != 1 {
		t.Errorf("names %v in %d segments", packs, len(tab.Segments()))
	}
	name := tab.Segments()[0].Name
	mergeAll(t, tab, Keep{Address: keep})
	checkNames(t, dir, name) // nothing to drop: the same segment again
	mergeAll(t, tab, Keep{Address: func(format.Address) bool { return false }})
	checkNames(t, dir)
}

// Random writes and merges against a map.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(3, 4))
	model := make(map[[keySize]byte]map[format.Address]bool)
	tab := open(t, dir)
	for round := range 60 {
		entries := newEntries(uint64(round%25), 1+r.IntN(800)) // keys come again after 25 rounds
		for i := range entries {
			e := &entries[i]
			e.At.Pack[7] = byte(round)
			if model[e.Key] == nil {
				model[e.Key] = make(map[format.Address]bool)
			}
			model[e.Key][e.At] = true
		}
		write(t, dir, entries)
		if round%10 == 9 {
			cut := byte(r.IntN(round))
			keep := func(a format.Address) bool { return a.Pack[7] > cut }
			forget(model, keep)
			mergeAll(t, tab, Keep{Address: keep})
		} else {
			mergeAll(t, tab, Keep{})
		}
		checkModel(t, tab, model)
	}
	if len(tab.Segments()) > 3*fanIn {
		t.Errorf("%d segments are left", len(tab.Segments()))
	}
}

func forget(model map[[keySize]byte]map[format.Address]bool, keep func(format.Address) bool) {
	for key, addresses := range model {
		for a := range addresses {
			if !keep(a) {
				delete(addresses, a)
			}
		}
		if len(addresses) == 0 {
			delete(model, key)
		}
	}
}

// checkModel holds a table to the model: at least one of a key's addresses is proposed, and none that was not written.
func checkModel(t *testing.T, tab *Table, model map[[keySize]byte]map[format.Address]bool) {
	t.Helper()
	for key, addresses := range model {
		proposals := 0
		tab.Lookup(blockID(key), func(a format.Address) bool {
			if proposals++; !addresses[a] {
				t.Errorf("%x: %v was not written or is forgotten", key, a)
			}
			return false
		})
		if proposals == 0 {
			t.Fatalf("%x is lost", key)
		}
	}
}

func TestMergeStops(t *testing.T) {
	dir := t.TempDir()
	for i := range fanIn {
		write(t, dir, newEntries(uint64(i), 2000))
	}
	tab := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := tab.Merge(ctx, Keep{Address: func(format.Address) bool {
		if calls++; calls == 1000 {
			cancel()
		}
		return true
	}})
	if !errors.Is(err, context.Canceled) || len(tab.Segments()) != fanIn {
		t.Errorf("%v, %d segments", err, len(tab.Segments()))
	}
	if calls > 1001 {
		t.Errorf("went on for %d entries", calls-1000)
	}
	if list, _ := os.ReadDir(dir); len(list) != fanIn {
		t.Errorf("%d files are left", len(list))
	}
}

// One Table shared by many while its directory changes.
func TestSharedTable(t *testing.T) {
	dir := t.TempDir()
	known := newEntries(1, 5000)
	write(t, dir, newEntries(1, 5000))
	tab := open(t, dir)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for i := 0; ; i = (i + 1) % len(known) {
				select {
				case <-stop:
					return
				default:
				}
				if !has(tab, known[i]) {
					t.Errorf("%x is lost", known[i].Key)
					return
				}
			}
		})
	}
	for i := range 4 * fanIn {
		write(t, dir, newEntries(uint64(2+i), 100), Point{format.UUID{byte(i)}, []byte("sealed")})
		mergeAll(t, tab, Keep{})
		tab.Packs()
		for range tab.Points() {
			tab.Segments()
		}
	}
	close(stop)
	wg.Wait()
}
