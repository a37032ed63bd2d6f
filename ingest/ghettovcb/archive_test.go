package ghettovcb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbfs/ingest"
	"vbfs/ingest/ghettovcb/handmade"
)

// pack writes an archive of members; end is what is behind them.
func pack(t *testing.T, file string, end []byte, members ...tar.Header) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range members {
		h.Mode, h.Format = 0o644, tar.FormatGNU
		body := h.Size
		if h.Typeflag != tar.TypeReg {
			body = 0
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zeros{}, min(body, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush() // an archive that lies about a member's length ends in it
	z.Write(end)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	handmade.File(t, file, b.Bytes())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

var tarEnd = make([]byte, 1024)

func TestArchive(t *testing.T) {
	t.Parallel()
	volume, scratch := t.TempDir(), t.TempDir()
	m := handmade.Machine{Name: "web 1 [x]", NVRAM: []byte("v"), Disks: []handmade.Disk{
		{Data: sample(3<<20, 1), Format: "thin"}, {Data: sample(1<<20, 2), Store: "5f1c-store"},
	}}
	folder := filepath.Join(volume, "web 1 [x]", stamp)
	m.Write(t, folder)
	handmade.File(t, filepath.Join(folder, "vmware.log"), []byte("nobody needs it"))
	handmade.Pack(t, folder)
	p := open(t, volume, Options{Scratch: scratch}).Points[0]
	shot, err := p.Take(t.Context(), ingest.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) != 0 {
		t.Errorf("scratch files have names: %v, %v", left, err)
	}
	for i, d := range shot.Disks {
		src, err := d.Open(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, src.Size())
		if _, err := src.ReadAt(b, 0); err != nil || !bytes.Equal(b, m.Disks[i].Data) {
			t.Errorf("disk %d is not what it was: %v", i, err)
		}
		holes := false
		for e := range src.Extents(t.Context()) {
			holes = holes || e.Zero
		}
		if !holes {
			t.Error("a thin disk is not any more")
		}
		src.Close()
	}
	if w := strings.Join(shot.Warnings, "\n"); !strings.Contains(w, "writes no status into archives") || len(shot.Warnings) != 1 {
		t.Error(w)
	}
	if err := shot.Release(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestArchiveStatus takes no archive that says that it is not whole.
func TestArchiveStatus(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	folder := filepath.Join(volume, "d/d-2026-11-20_20-03-27")
	m := handmade.Machine{Name: "d", Disks: []handmade.Disk{{Data: sample(1<<16, 1)}, {Data: sample(1<<16, 1), Absent: true}}}
	m.Write(t, folder)
	handmade.File(t, filepath.Join(folder, "STATUS.error"), []byte("no snapshot"))
	handmade.Pack(t, folder)
	if _, err := open(t, volume, Options{}).Points[0].Take(t.Context(), ingest.Wish{}); !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "no snapshot") {
		t.Error(err)
	}
	m.Write(t, folder)
	handmade.Pack(t, folder)
	for _, incomplete := range []bool{false, true} {
		shot, err := open(t, volume, Options{Incomplete: incomplete}).Points[0].Take(t.Context(), ingest.Wish{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = shot.Disks[1].Open(t.Context(), false)
		if skipped := shot.Disks[1].Skip != ""; skipped != incomplete || !skipped && !errors.Is(err, ErrMissing) {
			t.Errorf("a disk that is not there: skipped %t, %v", skipped, err)
		}
		shot.Release(context.Background())
	}
}

func TestHostileArchive(t *testing.T) {
	t.Parallel()
	reg := func(name string, size int64) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size}
	}
	dir := tar.Header{Typeflag: tar.TypeDir, Name: "d/"}
	kind := func(flag byte, to string) tar.Header {
		return tar.Header{Typeflag: flag, Name: "d/x.vmdk", Linkname: to, Devmajor: 8}
	}
	many := []tar.Header{dir}
	for i := range maxEntries + 1 {
		many = append(many, reg(fmt.Sprintf("d/%d", i), 0))
	}
	for _, c := range []struct {
		name, says string
		end        []byte
		members    []tar.Header
	}{
		{"parent", `"../x.vmdk" leads out`, tarEnd, []tar.Header{dir, reg("../x.vmdk", 10)}},
		{"parent inside", `"d/../../x.vmdk" leads out`, tarEnd, []tar.Header{dir, reg("d/../../x.vmdk", 10)}},
		{"back inside", `"d/../d/x.vmdk" leads out`, tarEnd, []tar.Header{dir, reg("d/../d/x.vmdk", 10)}},
		{"absolute", `"/etc/x.vmdk" leads out`, tarEnd, []tar.Header{dir, reg("/etc/x.vmdk", 10)}},
		{"other folder", `"e/x.vmdk" is not of the folder "d"`, tarEnd, []tar.Header{dir, reg("e/x.vmdk", 10)}},
		{"link", `"d/x.vmdk" is no file`, tarEnd, []tar.Header{dir, kind(tar.TypeSymlink, "/etc/passwd")}},
		{"hard link", `"d/x.vmdk" is no file`, tarEnd, []tar.Header{dir, kind(tar.TypeLink, "/etc/passwd")}},
		{"device", `"d/x.vmdk" is no file`, tarEnd, []tar.Header{dir, kind(tar.TypeBlock, "")}},
		{"pipe", `"d/x.vmdk" is no file`, tarEnd, []tar.Header{dir, kind(tar.TypeFifo, "")}},
		{"twice", `"d/x.vmdk" is there twice`, tarEnd, []tar.Header{dir, reg("d/x.vmdk", 10), reg("d/x.vmdk", 10)}},
		{"file for a folder", `"d" is no file`, tarEnd, []tar.Header{reg("d", 10)}},
		{"huge", "bytes", tarEnd, []tar.Header{dir, reg("d/x.vmdk", 1<<60)}},
		{"many", "more than 100000 members", tarEnd, many},
		{"cut off in a file", "cut off", nil, []tar.Header{dir, reg("d/x.vmdk", 4<<20)}},
		{"cut off behind a file", "cut off", nil, []tar.Header{dir, reg("d/x.vmdk", 512)}},
		{"cut off in its end", "cut off", tarEnd[:512], []tar.Header{dir, reg("d/x.vmdk", 512)}},
		{"empty", "cut off", tarEnd, nil},
		{"endless", "goes on behind its end", make([]byte, 8<<20), []tar.Header{dir}},
		{"no configuration", "there is no .vmx", tarEnd, []tar.Header{dir, reg("d/x.vmdk", 10)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			volume := t.TempDir()
			pack(t, filepath.Join(volume, "d/d-2026-11-20_20-03-27.gz"), c.end, c.members...)
			_, err := open(t, volume, Options{Scratch: volume}).Points[0].Take(t.Context(), ingest.Wish{})
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "d-2026-11-20_20-03-27.gz") {
				t.Error(err)
			}
		})
	}
}

// TestDamagedArchive notices each flipped bit and each cut.
func TestDamagedArchive(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	folder := filepath.Join(volume, "d/d-2026-11-20_20-03-27")
	handmade.Machine{Name: "d", Disks: []handmade.Disk{{Data: sample(1<<20, 1)}}}.Write(t, folder)
	handmade.Pack(t, folder)
	good, err := os.ReadFile(folder + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	take := func(b []byte) error {
		handmade.File(t, folder+".gz", b)
		p := open(t, volume, Options{Scratch: volume}).Points[0]
		shot, err := p.Take(t.Context(), ingest.Wish{})
		if err == nil {
			shot.Release(context.Background())
		}
		return err
	}
	if err := take(good); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 12, 100, len(good) / 2, len(good) - 5, len(good) - 1} {
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		if err := take(bad); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrMissing) && !errors.Is(err, ErrRefused) {
			t.Errorf("flipped at %d of %d: %v", at, len(good), err)
		}
		if err := take(good[:at]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d of %d: %v", at, len(good), err)
		}
	}
}

func TestScratch(t *testing.T) {
	t.Parallel()
	small := t.TempDir()
	handmade.Tool(t, "mount", "-t", "tmpfs", "-o", "size=66m", "small", small)
	t.Cleanup(func() { handmade.Tool(t, "umount", small) })
	volume := t.TempDir()
	folder := filepath.Join(volume, "d/d-2026-11-20_20-03-27")
	handmade.Machine{Name: "d", Disks: []handmade.Disk{{Data: sample(4<<20, 1)}}}.Write(t, folder)
	handmade.Pack(t, folder)
	for _, scratch := range []string{small, filepath.Join(small, "none")} {
		p := open(t, volume, Options{Scratch: scratch}).Points[0]
		if _, err := p.Take(t.Context(), ingest.Wish{}); err == nil || !strings.Contains(err.Error(), scratch) || (scratch == small) != errors.Is(err, ErrSpace) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if _, err := open(t, volume, Options{}).Points[0].Take(ctx, ingest.Wish{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestArchiveTime(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	at := time.Date(2026, 11, 20, 20, 3, 27, 0, time.UTC)
	pack(t, filepath.Join(volume, "d/d-0.gz"), tarEnd, tar.Header{Typeflag: tar.TypeDir, Name: "d-0/", ModTime: at})
	handmade.File(t, filepath.Join(volume, "d/d-1.gz"), []byte("no archive"))
	tree := open(t, volume, Options{})
	for _, p := range tree.Points {
		if err := p.Look(t.Context()); strings.HasSuffix(p.rel, "d-0.gz") != (err == nil && p.Time.Equal(at)) {
			t.Errorf("%s: %v, %v", p.rel, p.Time, err)
		}
	}
}
