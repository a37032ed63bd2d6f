package nbd_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"vbfs/restore"
	"vbfs/restore/nbd"
	"vbfs/restore/targettest"
)

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

func run(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%q: %v: %s", args, err, out)
	}
}

// TestDirty holds what a bitmap says against the writes it saw, at a granularity of its own, and reads it of an export that is written to meanwhile.
func TestDirty(t *testing.T) {
	const size = 48<<20 + 512
	file := filepath.Join(t.TempDir(), "disk.qcow2")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", file, strconv.Itoa(size))
	run(t, "qemu-img", "bitmap", "--add", "-g", "4k", file, "b")
	want, err := restore.NewMarks(size)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	io := []string{"qemu-io", "-f", "qcow2"}
	for range 40 {
		off := rng.Int64N(size)
		n := 1 + rng.Int64N(min(300000, size-off))
		io = append(io, "-c", "write "+strconv.FormatInt(off, 10)+" "+strconv.FormatInt(n, 10))
		want.Add(off, n)
	}
	run(t, append(io, file)...)
	uri, _ := start(t, func(socket string) []string {
		return []string{"qemu-nbd", "-k", socket, "-t", "-e", "8", "-f", "qcow2", "-B", "b", file}
	})
	target, err := nbd.Connect(t.Context(), uri, nbd.Options{Bitmap: "b"})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	got, err := target.Dirty(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at < size; at += restore.Granule {
		if got.Has(at) != want.Has(at) {
			t.Errorf("granule at %d: dirty %v", at, got.Has(at))
		}
	}
	other, err := nbd.Connect(t.Context(), uri, nbd.Options{Bitmap: "c"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Dirty(t.Context()); !errors.Is(err, nbd.ErrNoBitmap) {
		t.Errorf("a bitmap that is not there: %v", err)
	}
}

// TestCompare restores upon what an export holds: of qcow2 with its holes, and of a server without block status.
func TestCompare(t *testing.T) {
	img := targettest.Random(90*restore.Granule, rand.New(rand.NewPCG(4, 4)))
	qcow2 := filepath.Join(t.TempDir(), "disk.qcow2")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", qcow2, strconv.FormatInt(img.Size(), 10))
	withHoles, _ := start(t, func(socket string) []string {
		return []string{"qemu-nbd", "-k", socket, "-t", "-e", "8", "-f", "qcow2", "--discard=unmap", qcow2}
	})
	without, _ := nbdkit(t, "--filter=noextents", "file", full(t, img.Size()))
	for _, uri := range []string{withHoles, without} {
		for range 2 {
			target, err := nbd.Connect(t.Context(), uri, nbd.Options{})
			if err != nil {
				t.Fatal(err)
			}
			img.Bytes[img.Ranges[0].Off]++
			var p restore.Progress
			o := restore.Options{Compare: true, Verify: true, Progress: &p}
			if err := restore.Copy(t.Context(), img, target, o); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d of %d bytes were the same", p.Same.Load(), img.Size())
		}
		target, err := nbd.Connect(t.Context(), uri, nbd.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		got := make([]byte, img.Size())
		if _, err := target.ReadAt(got, 0); err != nil || !bytes.Equal(got, img.Bytes) {
			t.Errorf("%s differs, %v", uri, err)
		}
		var p restore.Progress
		if err := restore.Fill(t.Context(), img, target, restore.Options{Compare: true, Progress: &p}); err != nil || p.Same.Load() != img.Size() {
			t.Errorf("%d of %d bytes were the same: %v", p.Same.Load(), img.Size(), err)
		}
	}
}
