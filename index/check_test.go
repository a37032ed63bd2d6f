package index_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
)

func TestCheckSeesWhatTheTableLacks(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	disks := b.twoMachines()
	c, err := b.repo.Check(t.Context(), new(index.Progress))
	if err != nil || !c.Clean() || len(c.OrphanPacks) > 0 {
		t.Fatalf("a whole repository: %+v, %v", c, err)
	}
	segments, err := filepath.Glob(filepath.Join(b.dir, "table", "*.db"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	for i, s := range segments {
		if i%2 == 0 {
			os.Remove(s)
		} else {
			os.Truncate(s, 5000)
		}
	}
	b.open(false)
	if c, err = b.repo.Check(t.Context(), new(index.Progress)); err != nil || c.Clean() || c.MissingPoints == 0 || c.MissingBlocks == 0 {
		t.Fatalf("a broken table: %+v, %v", c, err)
	}
	if err := b.repo.RebuildTable(t.Context(), new(index.Progress)); err != nil {
		t.Fatal(err)
	}
	if c, err = b.repo.Check(t.Context(), new(index.Progress)); err != nil || !c.Clean() {
		t.Fatalf("a rebuilt table: %+v, %v", c, err)
	}
	for name, disk := range disks {
		if m := b.put("again "+name, disk, nil, nil); m.Disks[0].New != 0 {
			t.Errorf("%s: %d bytes stored again", name, m.Disks[0].New)
		}
	}
}

func TestCheckSeesOrphansAndSessions(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	w, err := b.repo.Begin(t.Context(), index.BeginOptions{Machine: "m"})
	if err != nil {
		t.Fatal(err)
	}
	disk := make([]byte, 1<<20)
	churn(seeded(9), disk, 30)
	d, err := w.Disk(format.Disk{Name: "vda", Size: int64(len(disk))}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(t.Context(), w, d, disk, nil); err != nil {
		t.Fatal(err)
	}
	c, err := b.repo.Check(t.Context(), new(index.Progress))
	if err != nil || len(c.Alive) != 1 || len(c.OrphanPacks) != 1 || c.OrphanBytes == 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	w.Abort(t.Context())
	if c, err = b.repo.Check(t.Context(), new(index.Progress)); err != nil || len(c.Alive) != 0 || len(c.OrphanPacks) != 1 {
		t.Fatalf("after abort: %+v, %v", c, err)
	}
}

// Every kind of object can be dumped, and no key is in what comes out.
func TestDump(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{})
	b.twoMachines()
	seen := map[string]bool{}
	for info, err := range b.store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		folder, _, _ := strings.Cut(info.Name, "/")
		if folder == "keyring" || folder == "table" {
			continue
		}
		v, err := b.repo.Dump(t.Context(), info.Name)
		if err != nil {
			t.Fatalf("%s: %v", info.Name, err)
		}
		if out, err := json.Marshal(v); err != nil || len(out) < 10 {
			t.Errorf("%s: %s, %v", info.Name, out, err)
		}
		seen[folder] = true
	}
	if len(seen) != 5 {
		t.Errorf("dumped %v", seen)
	}
	keyring, err := b.repo.Dump(t.Context(), "keyring/00000001")
	if d, ok := keyring.(*index.KeyringDump); err != nil || !ok || len(d.Masters) != 1 {
		t.Errorf("the keyring is dumped as %+v, %v", keyring, err)
	}
}

func TestKeySlots(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{})
	open := func(password string) error {
		r, err := index.Open(t.Context(), b.store, index.OpenOptions{Password: []byte(password)})
		if err == nil {
			r.Close()
		}
		return err
	}
	k, err := index.OpenKeys(t.Context(), b.store, index.OpenOptions{Password: password})
	if err != nil {
		t.Fatal(err)
	}
	id, err := k.Add(t.Context(), []byte("second"), "laptop")
	if err != nil {
		t.Fatal(err)
	}
	if err := open("second"); err != nil {
		t.Errorf("second password: %v", err)
	}
	if _, _, err := k.Change(t.Context(), []byte("third")); err != nil {
		t.Fatal(err)
	}
	if err := open(string(password)); err == nil {
		t.Error("the changed password still opens")
	}
	if err := open("third"); err != nil {
		t.Errorf("third password: %v", err)
	}
	old, err := os.ReadFile(filepath.Join(b.dir, "keys", id))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "keys", id), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open("second"); err == nil {
		t.Error("a removed slot that was put back opens")
	}
	slots, err := k.List(t.Context())
	if err != nil || len(slots) != 1 || !slots[0].Current {
		t.Errorf("slots %+v, %v", slots, err)
	}
	if err := k.Remove(t.Context(), slots[0].ID); err != index.ErrLastSlot {
		t.Errorf("last slot: %v", err)
	}
}
