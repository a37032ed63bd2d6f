package index_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// The golden repository of keys: its points are sealed under two master keys, and it opens by each kind of slot. Its secrets
// lie beside it.
const goldenKeys = goldenFolder + "/v1-keys"

func TestGoldenKeysStayUsable(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(goldenKeys); err != nil && *makeGolden {
		makeGoldenKeys(t)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(goldenKeys)); err != nil {
		t.Fatal(err)
	}
	recovery, identity := goldenSecret(t, "recovery"), goldenSecret(t, "identity")
	ids, err := seal.ParseIdentities(identity)
	if err != nil {
		t.Fatal(err)
	}
	for way, o := range map[string]index.OpenOptions{
		"password": {Password: password}, "recovery key": {Password: recovery}, "identity": {Identities: ids},
	} {
		store, err := object.OpenLocal(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		repo, err := index.Open(t.Context(), store, o)
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		all := points(t, repo)
		if len(all) != 2 {
			t.Fatalf("%s: %d points", way, len(all))
		}
		for i, p := range all {
			if got := sumOf(t, repo, p); got != goldenSum(i) {
				t.Errorf("%s: point %d holds other bytes", way, i)
			}
		}
	}
}

func goldenSecret(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenFolder, "v1-keys."+name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keyedDisk is what the points of the golden repository of keys hold: little, for it is kept for ever.
func keyedDisk(n int) []byte {
	disk := make([]byte, 300_000)
	copy(disk, strings.Repeat("under master key "+string(rune('1'+n))+". ", 4_000))
	return disk
}

func goldenSum(n int) string {
	sum := sha256.Sum256(keyedDisk(n))
	return hex.EncodeToString(sum[:])
}

func sumOf(t *testing.T, repo *index.Repository, p *format.Manifest) string {
	t.Helper()
	m, err := repo.Point(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	im, err := repo.Image(m, "vda")
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, im.Size())
	if _, err := im.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(got)
	return hex.EncodeToString(sum[:])
}

func makeGoldenKeys(t *testing.T) {
	b := newBench(t, index.InitOptions{})
	id, to := pair(t)
	k, err := index.OpenKeys(t.Context(), b.store, index.OpenOptions{Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.AddRecipients(t.Context(), []seal.Recipient{to}, index.EscrowLabel); err != nil {
		t.Fatal(err)
	}
	_, recovery, err := k.AddRecovery(t.Context(), "safe")
	if err != nil {
		t.Fatal(err)
	}
	b.put("m", keyedDisk(0), nil, nil)
	if _, err := k.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.put("m", keyedDisk(1), nil, nil)
	for name, text := range map[string]string{"recovery": recovery, "identity": id.String()} {
		if err := os.WriteFile(filepath.Join(goldenFolder, "v1-keys."+name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(goldenKeys, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
}
