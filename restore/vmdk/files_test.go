package vmdk_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbfs/restore"
	"vbfs/restore/targettest"
	ours "vbfs/restore/vmdk"
)

// kinds of disks that are several files.
var kinds = map[string]func(dir string, s restore.Spec) (restore.Target, error){
	"flat": func(dir string, s restore.Spec) (restore.Target, error) {
		return opened(ours.OpenFlat(dir, ours.Meta{Name: "my disk.vmdk", ContentID: id}, s, false))
	},
	"thin": func(dir string, s restore.Spec) (restore.Target, error) {
		return opened(ours.OpenFlat(dir, ours.Meta{Name: "my disk.vmdk", ContentID: id}, s, true))
	},
	"pieces": func(dir string, s restore.Spec) (restore.Target, error) {
		return opened(ours.OpenPieces(dir, ours.Meta{Name: "my disk.vmdk", ContentID: id}, s))
	},
}

func opened[T restore.Target](t T, err error) (restore.Target, error) { return t, err }

func TestTargets(t *testing.T) {
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			targettest.Test(t, func(t *testing.T, size int64) targettest.Place {
				dir := t.TempDir()
				return targettest.Place{
					Open:      func(s restore.Spec) (restore.Target, error) { return open(dir, s) },
					Read:      func(int64) []byte { return converted(t, filepath.Join(dir, "my disk.vmdk"))[:size] },
					Untouched: func() { holds(t, dir) },
				}
			})
		})
	}
}

func holds(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder has %v, not %v", got, want)
	}
}

// converted is a disk as qemu-img reads it.
func converted(t *testing.T, path string) []byte {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw")
	if out, err := exec.Command("qemu-img", "convert", "-f", "vmdk", "-O", "raw", path, raw).CombinedOutput(); err != nil {
		t.Fatalf("convert: %v: %s", err, out)
	}
	got, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestFiles holds what is written beside the data against the specification.
func TestFiles(t *testing.T) {
	for kind, says := range map[string][2]string{
		"flat":   {"vmfs", "RW 65665 VMFS \"my disk-flat.vmdk\""},
		"thin":   {"vmfs", "RW 65665 VMFS \"my disk-flat.vmdk\""},
		"pieces": {"twoGbMaxExtentSparse", "RW 65665 SPARSE \"my disk-s001.vmdk\""},
	} {
		img := &targettest.Image{Bytes: make([]byte, 32<<20+grain+100)}
		img.Ranges = []targettest.Range{{Off: 0, Len: grain}, {Off: grain, Len: 3 * grain, Data: true}, {Off: 4 * grain, Len: 32<<20 - 4*grain},
			{Off: 32 << 20, Len: grain + 100, Data: true}}
		img.Bytes[grain], img.Bytes[3*grain], img.Bytes[32<<20+grain] = 1, 2, 3
		dir := t.TempDir()
		target, err := kinds[kind](dir, restore.Spec{Size: img.Size()})
		if err != nil {
			t.Fatal(err)
		}
		if err := restore.Copy(t.Context(), img, target, restore.Options{Verify: true, Workers: 1}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "my disk.vmdk"))
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=cafebabe\nparentCID=ffffffff\ncreateType=\"%s\"\n\n"+
			"# Extent description\n%s\n\n# The Disk Data Base\n#DDB\n\nddb.longContentID = \"0102030405060708090a0b0ccafebabe\"\n"+
			"ddb.adapterType = \"lsilogic\"\nddb.geometry.cylinders = \"32\"\nddb.geometry.heads = \"64\"\nddb.geometry.sectors = \"32\"\n"+
			"ddb.virtualHWVersion = \"4\"\n", says[0], says[1])
		if kind == "thin" {
			want += "ddb.thinProvisioned = \"1\"\n"
		}
		if string(text) != want {
			t.Errorf("%s says\n%s, not\n%s", kind, text, want)
		}
		reads(t, filepath.Join(dir, "my disk.vmdk"), img.Bytes)
		if kind != "pieces" {
			holds(t, dir, "my disk-flat.vmdk", "my disk.vmdk")
			continue
		}
		holds(t, dir, "my disk-s001.vmdk", "my disk.vmdk")
		piece(t, filepath.Join(dir, "my disk-s001.vmdk"))
	}
}

// piece holds a piece of TestFiles, sector by sector: two tables, and three grains of which the first two are not neighbours.
func piece(t *testing.T, path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := file{t, b}
	f.is(0, 0, "4b444d56 01000000 03000000 8100010000000000 8000000000000000 0000000000000000 0000000000000000 00020000 "+
		"0100000000000000 0a00000000000000 8000000000000000 00 0a200d0a 0000 00000000")
	f.is(1, 0, "02000000 06000000 00000000")
	f.is(2, 0, "00000000 80000000 00000000 00010000 00000000")
	f.is(6, 0, "00000000 80010000 00000000")
	f.is(10, 0, "0b000000 0f000000 00000000")
	f.is(11, 0, "00000000 80000000 00000000 00010000 00000000")
	f.is(15, 0, "00000000 80010000 00000000")
	f.is(128, 0, "0100")
	f.is(256, 0, "0200")
	f.is(384, 0, "0300")
	if len(b) != 512*sector {
		t.Errorf("it has %d bytes", len(b))
	}
}

// TestPiecesOfALargeDisk is of three pieces, with data where they meet.
func TestPiecesOfALargeDisk(t *testing.T) {
	t.Parallel()
	const whole = 4192256 * sector
	v := sprinkled(2*whole+100*grain+4096, 0, whole-grain, whole, 2*whole-3*grain, 2*whole, 2*whole+100*grain)
	dir := t.TempDir()
	target, err := kinds["pieces"](dir, restore.Spec{Size: v.Size()})
	if err != nil {
		t.Fatal(err)
	}
	if err := restore.Copy(t.Context(), v, target, restore.Options{Verify: true}); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, "my disk-s001.vmdk", "my disk-s002.vmdk", "my disk-s003.vmdk", "my disk.vmdk")
	v.readsAt(t, filepath.Join(dir, "my disk.vmdk"))
}

// TestFlatTakesItsRoom, and a thin one does not.
func TestFlatTakesItsRoom(t *testing.T) {
	for kind, want := range map[string]int64{"flat": 8 << 20, "thin": grain} {
		dir := t.TempDir()
		v := sprinkled(8<<20, 2<<20)
		target, err := kinds[kind](dir, restore.Spec{Size: v.Size(), Data: grain})
		if err != nil {
			t.Fatal(err)
		}
		if err := restore.Copy(t.Context(), v, target, restore.Options{}); err != nil {
			t.Fatal(err)
		}
		if got := allocated(t, filepath.Join(dir, "my disk-flat.vmdk")); got < want || got > want+grain {
			t.Errorf("%s: %d bytes are allocated, not %d", kind, got, want)
		}
	}
}

func TestRecorded(t *testing.T) {
	const recorded = "# Disk DescriptorFile\r\nversion=1\nCID=11111111\nRW 20 VMFS \"x-flat.vmdk\"\n#DDB\nddb.adapterType = \"ide\"\n" +
		"ddb.geometry.cylinders = \"5\"\nDDB.uuid = \"not one of ours\"\nddb.UUID = \"60 00 C2 9b\"\nddb.uuid = \"twice\"\nddb.objectParentUri = \"/x\"\n" +
		"ddb.longContentID = \"abc\"\nddb.toolsVersion = \"1\"ddb.x = \"\nddb.virtualHWVersion = \"13\"\nddb.thinProvisioned = \"1\""
	got := ours.Recorded([]byte(recorded))
	want := ours.Base{{Key: "adapterType", Value: "ide"}, {Key: "geometry.cylinders", Value: "5"}, {Key: "uuid", Value: "60 00 C2 9b"},
		{Key: "virtualHWVersion", Value: "13"}, {Key: "thinProvisioned", Value: "1"}}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	dir := t.TempDir()
	m := ours.Meta{Name: "d.vmdk", Base: got}
	target, err := ours.OpenFlat(dir, m, restore.Spec{Size: 40 << 20}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := restore.Copy(t.Context(), targettest.Random(40<<20, rand.New(rand.NewPCG(1, 23))), target, restore.Options{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "d.vmdk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"ddb.adapterType = \"ide\"\n", "ddb.geometry.cylinders = \"81\"\n", "ddb.geometry.heads = \"16\"\n",
		"ddb.uuid = \"60 00 C2 9b\"\n", "ddb.virtualHWVersion = \"13\"\n"} {
		if strings.Count(string(text), line) != 1 {
			t.Errorf("%q is not there once:\n%s", line, text)
		}
	}
	if strings.Contains(string(text), "thin") || strings.Contains(string(text), "CID=11111111") {
		t.Errorf("it says\n%s", text)
	}
}

func TestPiecesRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := ours.OpenPieces(dir, ours.Meta{Name: "d.vmdk"}, restore.Spec{Size: 9 << 40}); !errors.Is(err, ours.ErrTooLarge) {
		t.Errorf("9 TiB: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "d-s002.vmdk"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.OpenPieces(dir, ours.Meta{Name: "d.vmdk"}, restore.Spec{Size: 3 << 30}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file of that name: %v", err)
	}
	holds(t, dir, "d-s002.vmdk")
}

// TestDescriptorIsThere: a disk whose descriptor cannot be written leaves no data behind.
func TestDescriptorIsThere(t *testing.T) {
	for kind, open := range kinds {
		dir := t.TempDir()
		target, err := open(dir, restore.Spec{Size: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "my disk.vmdk"), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := restore.Copy(t.Context(), sprinkled(1<<20, 0), target, restore.Options{}); !errors.Is(err, os.ErrExist) {
			t.Errorf("%s: %v", kind, err)
		}
		holds(t, dir, "my disk.vmdk")
	}
}
