//go:build cgo && !nolibnbd

package ghettovcb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/ingest"
	"vbfs/ingest/ghettovcb/handmade"
	"vbfs/ingest/sourcetest"
)

func TestFormats(t *testing.T) {
	t.Parallel()
	plain := sample(5<<20+512, 7)
	for _, format := range []string{"zeroedthick", "2gbsparse", "thin", "eagerzeroedthick", "monolithicSparse", "streamOptimized"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), stamp)
			handmade.Machine{Name: "web 1 [x]", Disks: []handmade.Disk{{Data: plain, Format: format}}}.Write(t, dir)
			f := folderOf(t, dir)
			if !bytes.Equal(whole(t, f, "web 1 [x].vmdk"), plain) {
				t.Error("it is not what it was")
			}
			sourcetest.Test(t, func(t *testing.T) ingest.Source {
				src, err := f.openDisk(t.Context(), "web 1 [x].vmdk")
				if err != nil {
					t.Fatal(err)
				}
				return src
			}, plain)
		})
	}
}

// TestChain reads deltas of both kinds upon a flat disk and upon a sparse one.
func TestChain(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"thin", "2gbsparse"} {
		dir := filepath.Join(t.TempDir(), stamp)
		plain := sample(4<<20, 9)
		handmade.Machine{Name: "web 1 [x]", Disks: []handmade.Disk{{Data: plain, Format: base}}}.Write(t, dir)
		write := func(d handmade.Delta, parent, file string) {
			rng := rand.New(rand.NewPCG(1, 2))
			d.Parent, d.Sectors, d.Grains = parent, int64(len(plain)/512), map[int64][]byte{}
			for range 200 {
				n := rng.Int64N(int64(len(plain)) / d.Grain())
				data := bytes.Repeat([]byte{byte(rng.Uint32())}, int(d.Grain()))
				d.Grains[n] = data
				copy(plain[n*d.Grain():], data)
			}
			for n := int64(3); d.Large && n < 60; n += 7 {
				delete(d.Grains, n)
				d.Zeros = append(d.Zeros, n)
				clear(plain[n*d.Grain():][:d.Grain()])
			}
			d.Write(t, filepath.Join(dir, file))
		}
		write(handmade.Delta{CID: "00000011", Of: "FB183C20"}, "web 1 [x].vmdk", "web 1 [x]-000001.vmdk")
		write(handmade.Delta{CID: "00000012", Of: "00000011", Large: true}, "web 1 [x]-000001.vmdk", "web 1 [x]-000002.vmdk")
		f := folderOf(t, dir)
		if !bytes.Equal(whole(t, f, "web 1 [x]-000002.vmdk"), plain) {
			t.Errorf("upon %s it is not what it was", base)
		}
		descriptors := f.descriptors(disk{name: "scsi0-0", file: "web 1 [x]-000002.vmdk"})
		if len(descriptors) != 3 || descriptors[2].Name != "scsi0-0.2.vmdk" {
			t.Errorf("%d descriptors", len(descriptors))
		}
		handmade.Delta{Parent: "web 1 [x].vmdk", CID: "00000011", Of: "fb183c21", Sectors: int64(len(plain) / 512)}.Write(t, filepath.Join(dir, "web 1 [x]-000001.vmdk"))
		if _, err := folderOf(t, dir).openDisk(t.Context(), "web 1 [x]-000002.vmdk"); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "web 1 [x]-000001.vmdk: damaged: it counts from web 1 [x].vmdk") {
			t.Errorf("a parent that was written to: %v", err)
		}
		handmade.Delta{Parent: "web 1 [x].vmdk", CID: "00000011", Of: "fb183c20", Sectors: 8}.Write(t, filepath.Join(dir, "web 1 [x]-000001.vmdk"))
		if _, err := folderOf(t, dir).openDisk(t.Context(), "web 1 [x]-000001.vmdk"); !errors.Is(err, ErrDamaged) {
			t.Errorf("a parent of another size: %v", err)
		}
	}
}

// TestCutOff notices wherever a file ends too early: there is an error, or nothing is lost.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"2gbsparse", "monolithicSparse", "streamOptimized", "cowd", "sesparse"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "d-2026-11-20_20-03-27")
			plain := sample(1<<20, 5)
			disk, victim := handmade.Disk{Data: plain, Format: format}, "d.vmdk"
			top := "d.vmdk"
			switch format {
			case "2gbsparse":
				victim = "d-s003.vmdk"
			case "cowd", "sesparse":
				disk.Format = "thin"
				d := handmade.Delta{Parent: "d.vmdk", CID: "00000011", Of: "fb183c20", Sectors: 2048, Large: format == "sesparse"}
				grain := bytes.Repeat([]byte{0xaa}, int(d.Grain()))
				d.Grains = map[int64][]byte{1: grain, 17: grain}
				copy(plain[17*d.Grain():], grain)
				copy(plain[d.Grain():], grain)
				top, victim = "d-000001.vmdk", map[bool]string{false: "d-000001-delta.vmdk", true: "d-000001-sesparse.vmdk"}[d.Large]
				d.Write(t, filepath.Join(dir, top))
				disk.Data = sample(1<<20, 5)
			}
			handmade.Machine{Name: "d", Disks: []handmade.Disk{disk}}.Write(t, dir)
			file := filepath.Join(dir, victim)
			good, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(3, 4))
			cuts := []int{len(good) - 1, len(good) - 256, len(good) - 512, len(good) - 513, len(good) - 1500, 600, 512, 100, 0}
			for range 8 {
				cuts = append(cuts, rng.IntN(len(good)))
			}
			for _, n := range cuts {
				handmade.File(t, file, good[:n])
				f := folderOf(t, dir)
				err := f.sound(t.Context(), top, true)
				switch {
				case err == nil && !bytes.Equal(whole(t, f, top), plain):
					t.Errorf("cut at %d of %d: wrong bytes", n, len(good))
				case err == nil && format != "streamOptimized": // which ends with what nobody reads
					t.Errorf("cut at %d of %d: not noticed", n, len(good))
				case err != nil && !strings.Contains(err.Error(), "d"):
					t.Errorf("cut at %d: %v", n, err)
				}
			}
			handmade.File(t, file, good)
			if !bytes.Equal(whole(t, folderOf(t, dir), top), plain) {
				t.Error("whole, it is not what it was")
			}
		})
	}
}

// TestSmuggled keeps descriptors inside extents from QEMU, and sizes that are not as said.
func TestSmuggled(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret.raw")
	handmade.File(t, secret, bytes.Repeat([]byte("secret"), 1<<20/6))
	number := func(at int, v uint64) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint64(b[at:], v) }
	}
	text := func(s string) func([]byte) {
		return func(b []byte) { copy(b[512:], s+"\n"+strings.Repeat("#", 400)) }
	}
	head := "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"
	for _, c := range []struct {
		name, says string
		do         func([]byte)
	}{
		{"no capacity", "cannot be", number(12, 0)},
		{"footer", "its end is not there", func(b []byte) { number(12, 0)(b); number(56, 1<<64-1)(b) }},
		{"footer of another capacity", "its footer says 2048", func(b []byte) {
			number(56, 1<<64-1)(b)
			copy(b[len(b)-1024:], b[:512])
			number(56, 21)(b[len(b)-1024:])
			number(12, 0)(b)
		}},
		{"less capacity", "2047 sectors", number(12, 2047)},
		{"other extent", "damaged", text(head + "RW 2048 FLAT \"" + secret + "\" 0\n")},
		{"second extent", "refused", text(head + "RW 2048 SPARSE \"d.vmdk\"\nRW 2048 FLAT \"s.raw\" 0\n")},
		{"flat", "other extents than itself", text(head + "RW 2048 FLAT \"s.raw\" 0\n")},
		{"parent", "names \"" + secret, text("# Disk DescriptorFile\nCID=1\nparentCID=00000001\nparentFileNameHint=\"" + secret + "\"\nRW 2048 SPARSE \"d.vmdk\"\n")},
		{"no descriptor", "without a descriptor", number(28, 0)},
		{"descriptor elsewhere", "cut off", number(28, 1<<40)},
		{"endless descriptor", "without a descriptor", number(36, 1<<40)},
		{"grain", "cannot be", number(20, 0)},
		{"huge grain", "cannot be", number(20, 1<<62)},
		{"directory", "cannot be", number(56, 1<<62)},
		{"tables", "grain tables", func(b []byte) { binary.LittleEndian.PutUint32(b[44:], 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "d-2026-11-20_20-03-27")
			handmade.Machine{Name: "d", Disks: []handmade.Disk{{Data: sample(1<<20, 5), Format: "monolithicSparse"}}}.Write(t, dir)
			file := filepath.Join(dir, "d.vmdk")
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			handmade.File(t, filepath.Join(dir, "s.raw"), sample(1<<20, 6))
			c.do(b)
			handmade.File(t, file, b)
			_, err = folderOf(t, dir).openDisk(t.Context(), "d.vmdk")
			if err == nil || !strings.Contains(err.Error(), "d.vmdk") || !strings.Contains(err.Error(), c.says) && c.name != "other extent" {
				t.Error(err)
			}
		})
	}
}

// TestServedIsCleaned leaves nothing behind.
func TestServedIsCleaned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d-2026-11-20_20-03-27")
	handmade.Machine{Name: "d", Disks: []handmade.Disk{{Data: sample(1<<20, 5), Format: "2gbsparse"}}}.Write(t, dir)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	f := folderOf(t, dir)
	whole(t, f, "d.vmdk")
	handmade.File(t, filepath.Join(dir, "d-s002.vmdk"), []byte("KDMV"))
	if _, err := folderOf(t, dir).openDisk(t.Context(), "d.vmdk"); err == nil {
		t.Error("a damaged extent opens")
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
}
