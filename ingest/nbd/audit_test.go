//go:build cgo && !nolibnbd

package nbd

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/ingest"
	"vbfs/libnbd"
)

// TestAuditOfQEMU captures random writes, zeroes and discards by QEMU's own bitmaps: the audit of all that they leave out
// agrees, and so does a sample. A bitmap that was begun too late is found out.
func TestAuditOfQEMU(t *testing.T) {
	t.Parallel()
	q := startQEMU(t, "24M")
	w := q.guest()
	rng := rand.New(rand.NewPCG(9, 9))
	scribble(t, w, rng, 24*mib, 60)
	repo := plainRepository(t)
	q.mark("r0")
	for round := range 6 {
		bitmap := fmt.Sprintf("r%d", round)
		if round == 5 {
			must(t, w.Pwrite(bytes.Repeat([]byte{7}, 512), 5*mib, nil))
			bitmap = "late"
			q.mark(bitmap)
		}
		scribble(t, w, rng, 4*mib, 8)
		must(t, w.Flush(nil))
		uri := q.export(bitmap)
		m := captureQEMU(t, repo, uri, bitmap, round != 3)
		if round < 5 {
			q.mark(fmt.Sprintf("r%d", round+1))
		}
		sameAsLive(t, repo, m, w)
		d := m.Disks[0]
		switch {
		case round == 0:
		case round == 5 && !strings.Contains(d.Fallback, "reported block 80 (at byte 5242880) unchanged"):
			t.Errorf("a bitmap that was begun too late: %+v", d.Fallback)
		case round < 5 && (d.Fallback != "" || m.Warnings != nil || d.Audited == 0):
			t.Errorf("round %d: %d bytes audited, fallback %q, warnings %q", round, d.Audited, d.Fallback, m.Warnings)
		}
	}
}

func scribble(t *testing.T, w *libnbd.Libnbd, rng *rand.Rand, size int64, n int) {
	t.Helper()
	for range n {
		off := rng.Int64N(size/512) * 512
		n := min(size-off, (rng.Int64N(400)+1)*512)
		switch rng.IntN(4) {
		case 0:
			must(t, w.Zero(uint64(n), uint64(off), nil))
		case 1:
			must(t, w.Trim(uint64(n), uint64(off), nil))
		default:
			must(t, w.Pwrite(bytes.Repeat([]byte{byte(rng.Uint32())}, int(n)), uint64(off), nil))
		}
	}
}

func plainRepository(t *testing.T) *index.Repository {
	t.Helper()
	store, err := object.OpenLocal(t.TempDir())
	must(t, err)
	t.Cleanup(func() { store.Close() })
	must(t, index.Init(t.Context(), store, index.InitOptions{NoEncryption: true}))
	repo, err := index.Open(t.Context(), store, index.OpenOptions{Table: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { repo.Close() })
	return repo
}

func captureQEMU(t *testing.T, repo *index.Repository, uri, bitmap string, all bool) *format.Manifest {
	t.Helper()
	d := ingest.Disk{Name: "vda", Tracking: bitmap, Changes: true, Open: func(ctx context.Context, changes bool) (ingest.Source, error) {
		o := Options{}
		if changes {
			o.Bitmaps = []string{bitmap}
		}
		return Open(ctx, uri, o)
	}}
	m, err := ingest.Run(t.Context(), repo, ingest.Options{Machine: "m", Disks: []ingest.Disk{d}, Audit: all})
	must(t, err)
	m, err = repo.Point(t.Context(), m)
	must(t, err)
	return m
}

func sameAsLive(t *testing.T, repo *index.Repository, m *format.Manifest, w *libnbd.Libnbd) {
	t.Helper()
	im, err := repo.Image(m, "vda")
	must(t, err)
	stored, live := make([]byte, im.Size()), make([]byte, im.Size())
	if _, err := im.ReadAt(stored, 0); err != nil {
		t.Fatal(err)
	}
	must(t, w.Pread(live, 0, nil))
	if !bytes.Equal(stored, live) {
		t.Fatalf("%s is not the disk", m.Name)
	}
}
