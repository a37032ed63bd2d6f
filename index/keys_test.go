package index_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"filippo.io/age"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/object/objecttest"
	"vbfs/index/seal"
)

// A vault is an encrypted repository in memory with one point, and an identity that opens it: cheaper than a password.
type vault struct {
	memory *objecttest.Memory
	disk   []byte
	holder *age.X25519Identity
}

func newVault(t *testing.T) vault {
	t.Helper()
	holder, to := pair(t)
	v := vault{objecttest.NewMemory(), make([]byte, 3<<20+9), holder}
	o := index.InitOptions{Password: password, Compression: "lz4", Escrow: []seal.Recipient{to}}
	if err := index.Init(t.Context(), v.memory, o); err != nil {
		t.Fatal(err)
	}
	churn(seeded(5), v.disk, 9)
	if _, err := putDisk(t.Context(), v.open(t, v.memory), "m", v.disk, nil, nil); err != nil {
		t.Fatal(err)
	}
	return v
}

// pair makes an identity and its recipient.
func pair(t *testing.T) (*age.X25519Identity, seal.Recipient) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := seal.ParseRecipient(id.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	return id, to
}

func (v vault) by() index.OpenOptions { return index.OpenOptions{Identities: []age.Identity{v.holder}} }

func (v vault) open(t *testing.T, s object.Store) *index.Repository {
	t.Helper()
	o := v.by()
	o.Table = t.TempDir()
	repo, err := index.Open(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return repo
}

func (v vault) keys(t *testing.T, s object.Store) *index.Keys {
	t.Helper()
	k, err := index.OpenKeys(t.Context(), s, v.by())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// whole checks that all points hold the disk, and that nothing is damaged.
func (v vault) whole(t *testing.T, repo *index.Repository, points int) {
	t.Helper()
	all, err := repo.Points(t.Context())
	if err != nil || len(all) != points {
		t.Fatalf("%d points of %d, %v", len(all), points, err)
	}
	for _, p := range all {
		m, err := repo.Point(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		im, err := repo.Image(m, "vda")
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, im.Size())
		if _, err := im.ReadAt(got, 0); err != nil || !bytes.Equal(got, v.disk) {
			t.Fatalf("point %s holds other bytes: %v", p.Name, err)
		}
	}
	problems, err := repo.Verify(t.Context(), index.VerifyOptions{ReadData: func(format.PackID) bool { return true }})
	if err != nil || len(problems) > 0 {
		t.Fatalf("verify: %d problems, %v", len(problems), err)
	}
}

// numbers counts the packs by the master key that they are sealed under.
func numbers(t *testing.T, s object.Store, repo *index.Repository) map[uint32]int {
	t.Helper()
	out := map[uint32]int{}
	for info, err := range s.List(t.Context(), "packs") {
		if err != nil {
			t.Fatal(err)
		}
		d, err := repo.Dump(t.Context(), info.Name)
		if err != nil {
			t.Fatal(err)
		}
		out[d.(*index.PackDump).Key]++
	}
	return out
}

// Who has the repository open reads what is sealed under keys that came later, and seals under them from the next point on.
func TestOpenRepositoryLearnsMasterKeys(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	trace := objecttest.NewTrace(v.memory)
	reader, writer, late := v.open(t, trace), v.open(t, v.memory), v.open(t, v.memory)
	for n := uint32(2); n <= 3; n++ {
		if got, err := v.keys(t, v.memory).Rotate(t.Context()); got != n || err != nil {
			t.Fatalf("master key %d, %v", got, err)
		}
	}
	v.disk[5]++ // a block that is not stored yet
	was := v.disk
	if _, err := putDisk(t.Context(), writer, "other", v.disk, nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := numbers(t, v.memory, v.open(t, v.memory)); got[1] == 0 || got[2] != 0 || got[3] == 0 {
		t.Errorf("packs by master key: %v", got)
	}
	trace.Reset()
	for i, p := range points(t, reader) {
		want := was
		if i == 0 {
			want = bytes.Clone(was)
			want[5]--
		}
		checkPoint(t, reader, p, want)
	}
	if n := strings.Count(trace.String(), "get keyring"); n == 0 || n > 2 {
		t.Errorf("the keyring is read %d times:\n%s", n, trace)
	}
	if _, err := putDisk(t.Context(), late, "third", v.disk, nil, nil); err != nil {
		t.Fatal(err)
	}
	checkPoint(t, reader, points(t, reader)[2], was)
}

func points(t *testing.T, repo *index.Repository) []*format.Manifest {
	t.Helper()
	all, err := repo.Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func checkPoint(t *testing.T, repo *index.Repository, p *format.Manifest, want []byte) {
	t.Helper()
	m, err := repo.Point(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	im, err := repo.Image(m, "vda")
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, im, want)
}

// A key number that no keyring has is damage of that object, and not of all that is listed beside it.
func TestUnknownMasterKeyIsDamage(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	if _, err := putDisk(t.Context(), v.open(t, v.memory), "n", v.disk, nil, nil); err != nil {
		t.Fatal(err)
	}
	names := names(t, v.memory, "points")
	b, err := object.GetAll(t.Context(), v.memory, names[0], format.MaxSealed)
	if err != nil {
		t.Fatal(err)
	}
	b[12] = 77
	v.memory.Replace(names[0], b)
	repo := v.open(t, v.memory)
	if got := points(t, repo); len(got) != 1 {
		t.Errorf("%d points", len(got))
	}
	problems, err := repo.Verify(t.Context(), index.VerifyOptions{})
	if err != nil || len(problems) != 1 || !errors.Is(problems[0].What, index.ErrCorrupt) {
		t.Errorf("verify: %v, %v", problems, err)
	}
}

func names(t *testing.T, s object.Store, folder string) (out []string) {
	t.Helper()
	for info, err := range s.List(t.Context(), folder) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, info.Name)
	}
	return out
}

// changes of the keys. Each is done by who opened with the identity, which none takes away.
var changes = map[string]func(context.Context, *index.Keys, seal.Recipient) error{
	"rotate": func(ctx context.Context, k *index.Keys, _ seal.Recipient) error { _, err := k.Rotate(ctx); return err },
	"add": func(ctx context.Context, k *index.Keys, to seal.Recipient) error {
		_, err := k.AddRecipients(ctx, []seal.Recipient{to, to}, "two")
		return err
	},
	"recovery": func(ctx context.Context, k *index.Keys, _ seal.Recipient) error {
		_, _, err := k.AddRecovery(ctx, "")
		return err
	},
	"remove": func(ctx context.Context, k *index.Keys, _ seal.Recipient) error {
		slots, err := k.List(ctx)
		for _, s := range slots {
			if err == nil && !s.Current {
				err = k.Remove(ctx, s.ID)
			}
		}
		return err
	},
}

// A crash in the middle of any change leaves a repository that opens, and whose keys can be changed.
func TestCrashAtEveryChangeOfKeys(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	_, to := pair(t)
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := objecttest.NewCrash(v.memory, 0)
			if err := change(t.Context(), v.keys(t, whole), to); err != nil {
				t.Fatal(err)
			}
			for n := int64(1); n <= whole.Ops(); n++ {
				crash := objecttest.NewCrash(v.memory, n)
				if k, err := index.OpenKeys(t.Context(), crash, v.by()); err == nil {
					if err := change(t.Context(), k, to); err == nil {
						t.Fatalf("operation %d: a crash went by unseen", n)
					}
				}
				survivor := crash.Survivor()
				repo := v.open(t, survivor)
				v.whole(t, repo, 1)
				if _, err := v.keys(t, survivor).Rotate(t.Context()); err != nil {
					t.Fatalf("operation %d: rotate afterwards: %v", n, err)
				}
				if _, err := putDisk(t.Context(), repo, "m", v.disk, nil, nil); err != nil {
					t.Fatalf("operation %d: backup afterwards: %v", n, err)
				}
				v.whole(t, repo, 2)
			}
		})
	}
}

// Of two that change the keys at once the later one loses, says so, and leaves nothing.
func TestCompetingChangesOfKeys(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	_, to := pair(t)
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := v.memory.Clone()
			winner, loser := v.keys(t, m), v.keys(t, m)
			if _, err := winner.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			slots := len(names(t, m, "keys"))
			if err := change(t.Context(), loser, to); !errors.Is(err, index.ErrKeysChanged) {
				t.Errorf("the second change: %v", err)
			}
			if got := len(names(t, m, "keys")); got != slots {
				t.Errorf("%d slots, not %d", got, slots)
			}
			if err := change(t.Context(), v.keys(t, m), to); err != nil {
				t.Errorf("once more: %v", err)
			}
			v.whole(t, v.open(t, m), 1)
		})
	}
}

// The keyring comes before what is taken away goes, and after what it lists.
func TestOrderOfKeyChanges(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	trace := objecttest.NewTrace(v.memory)
	k := v.keys(t, trace)
	_, to := pair(t)
	trace.Reset()
	ids, err := k.AddRecipients(t.Context(), []seal.Recipient{to}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Remove(t.Context(), ids[0]); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(trace.String()) {
		if words := strings.Fields(line); words[0] == "put" || words[0] == "delete" {
			got = append(got, words[0]+" "+strings.Split(words[1], "/")[0])
		}
	}
	if s := strings.Join(got, ", "); s != "put keys, put keyring, put keyring, delete keys" {
		t.Errorf("the order is %s", s)
	}
}

// What was removed opens nothing, though its slot be put back.
func TestRemovedSlotStaysShut(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	gone, to := pair(t)
	k := v.keys(t, v.memory)
	ids, err := k.AddRecipients(t.Context(), []seal.Recipient{to}, "")
	if err != nil {
		t.Fatal(err)
	}
	o := index.OpenOptions{Identities: []age.Identity{gone}}
	if _, err := index.Open(t.Context(), v.memory, o); err != nil {
		t.Fatal(err)
	}
	slot, err := object.GetAll(t.Context(), v.memory, "keys/"+ids[0], 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Remove(t.Context(), ids[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := index.Open(t.Context(), v.memory, o); !errors.Is(err, index.ErrIdentity) {
		t.Errorf("removed: %v", err)
	}
	v.memory.Replace("keys/"+ids[0], slot)
	if _, err := index.Open(t.Context(), v.memory, o); !errors.Is(err, index.ErrPassword) {
		t.Errorf("put back: %v", err)
	}
	both := index.OpenOptions{Identities: []age.Identity{gone, v.holder}}
	if _, err := index.Open(t.Context(), v.memory, both); err != nil {
		t.Errorf("with another that counts: %v", err)
	}
}

// The last slot that can open stays: one that is damaged cannot.
func TestLastSlotStays(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	k := v.keys(t, v.memory)
	slots, err := k.List(t.Context())
	if err != nil || len(slots) != 2 {
		t.Fatalf("%d slots, %v", len(slots), err)
	}
	var other, mine string
	for _, s := range slots {
		if s.Current {
			mine = s.ID
		} else {
			other = s.ID
		}
	}
	v.memory.Replace("keys/"+other, []byte("damage"))
	if err := k.Remove(t.Context(), mine); !errors.Is(err, index.ErrLastSlot) {
		t.Errorf("the last that opens: %v", err)
	}
	if slots, err = k.List(t.Context()); err != nil || len(slots) != 2 {
		t.Errorf("%d slots, %v", len(slots), err)
	}
	if err := k.Remove(t.Context(), other); err != nil {
		t.Errorf("a damaged one: %v", err)
	}
	v.open(t, v.memory)
}

// A slot that somebody made for a known recipient, around a key of their own, hinders nobody.
func TestForgedSlotIsPassedOver(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	to, err := seal.ParseRecipient(v.holder.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := seal.NewAgeSlot([32]byte{1}, to, "escrow")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"0000000000000000", "ffffffffffffffff"} {
		v.memory.Replace("keys/"+id, forged.Marshal())
	}
	v.whole(t, v.open(t, v.memory), 1)
}

// A damaged keyring is told of, and never passed over for an older one, in which removed slots count. Whoever deletes it
// has that one back.
func TestDamagedKeyring(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	_, to := pair(t)
	reader := v.open(t, v.memory)
	if _, err := v.keys(t, v.memory).AddRecipients(t.Context(), []seal.Recipient{to}, ""); err != nil {
		t.Fatal(err)
	}
	problems, err := reader.Verify(t.Context(), index.VerifyOptions{})
	if err != nil || len(problems) != 0 {
		t.Errorf("verify: %v, %v", problems, err)
	}
	b, err := object.GetAll(t.Context(), v.memory, "keyring/00000002", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	v.memory.Replace("keyring/00000002", b)
	if _, err := index.Open(t.Context(), v.memory, v.by()); !errors.Is(err, index.ErrCorrupt) {
		t.Errorf("open: %v", err)
	}
	problems, err = reader.Verify(t.Context(), index.VerifyOptions{})
	if err != nil || len(problems) != 1 || problems[0].Object != "keyring/00000002" {
		t.Errorf("verify: %v, %v", problems, err)
	}
	if err := v.memory.Delete(t.Context(), "keyring/00000002"); err != nil {
		t.Fatal(err)
	}
	v.whole(t, v.open(t, v.memory), 1)
}

// A repository that is open does not take an older keyring for the newest.
func TestKeyringThatGoesBack(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	_, to := pair(t)
	if _, err := v.keys(t, v.memory).AddRecipients(t.Context(), []seal.Recipient{to}, ""); err != nil {
		t.Fatal(err)
	}
	repo := v.open(t, v.memory)
	if err := v.memory.Delete(t.Context(), "keyring/00000002"); err != nil {
		t.Fatal(err)
	}
	if _, err := putDisk(t.Context(), repo, "m", v.disk, nil, nil); !errors.Is(err, index.ErrCorrupt) {
		t.Errorf("backup: %v", err)
	}
}
