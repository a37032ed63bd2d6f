package index_test

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
)

var makeGolden = flag.Bool("make-golden", false, "make the golden repositories that are not there yet")

// The golden repositories: one of each kind that a release wrote, kept for ever.
var golden = map[string]index.InitOptions{
	"v1-encrypted-zstd": {Password: password},
	"v1-plain-s2":       {NoEncryption: true, Compression: "s2"},
	"v1-plain-lz4":      {NoEncryption: true, Compression: "lz4"},
	"v1-plain-none":     {NoEncryption: true, Compression: "none"},
}

const goldenFolder = "../testdata/golden"

// goldenDisk is what the points of a golden repository hold: two of machine m, the second with some blocks changed.
func goldenDisk(n int) []byte {
	rnd := seeded(42)
	disk := make([]byte, 17<<20+12345)
	churn(rnd, disk[:1<<20], 8)
	churn(rnd, disk[16<<20:], 6)
	for range n {
		churn(rnd, disk[:1<<20], 8)
	}
	return disk
}

func TestGoldenRepositoriesStayReadable(t *testing.T) {
	for name, o := range golden {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := filepath.Join(goldenFolder, name)
			if _, err := os.Stat(kept); err != nil && *makeGolden {
				makeGoldenRepository(t, kept, o)
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(kept)); err != nil {
				t.Fatal(err)
			}
			checkGolden(t, dir, o)
		})
	}
}

func checkGolden(t *testing.T, dir string, o index.InitOptions) {
	store, err := object.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	repo, err := index.Open(t.Context(), store, index.OpenOptions{Password: o.Password, Table: filepath.Join(dir, "table")})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	points, err := repo.Points(t.Context())
	if err != nil || len(points) != 2 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	for i, p := range points {
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
		want, err := os.ReadFile(filepath.Join(goldenFolder, fmt.Sprintf("disk-%d.sha256", i)))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != strings.TrimSpace(string(want)) {
			t.Errorf("point %d holds other bytes", i)
		}
	}
	problems, err := repo.Verify(t.Context(), index.VerifyOptions{ReadData: func(format.PackID) bool { return true }})
	if err != nil || len(problems) > 0 {
		t.Errorf("verify: %v, %v", problems, err)
	}
	c, err := repo.Check(t.Context(), new(index.Progress))
	if err != nil || !c.Clean() {
		t.Errorf("check: %+v, %v", c, err)
	}
}

func makeGoldenRepository(t *testing.T, dir string, o index.InitOptions) {
	b := newBench(t, o)
	for i := range 2 {
		disk := goldenDisk(i)
		b.put("m", disk, nil, nil)
		sum := sha256.Sum256(disk)
		name := filepath.Join(goldenFolder, fmt.Sprintf("disk-%d.sha256", i))
		if err := os.MkdirAll(goldenFolder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(hex.EncodeToString(sum[:])+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(dir, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
}
