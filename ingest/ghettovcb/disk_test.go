package ghettovcb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/ingest"
	"vbfs/ingest/ghettovcb/handmade"
	"vbfs/ingest/sourcetest"
)

// folderOf lists a folder that a test wrote.
func folderOf(t *testing.T, dir string) *folder {
	t.Helper()
	tree := open(t, dir, Options{Incomplete: true})
	return tree.Points[0].listed
}

// whole reads a disk by its extents.
func whole(t *testing.T, f *folder, name string) []byte {
	t.Helper()
	src, err := f.openDisk(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	b := make([]byte, src.Size())
	for e, err := range src.Extents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if !e.Zero {
			if _, err := src.ReadAt(b[e.Off:e.Off+e.Len], e.Off); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
	}
	if why := src.changed(); why != "" {
		t.Error(why)
	}
	return b
}

// stamp is the name of a folder.
const stamp = "web 1 [x]-2026-11-20_20-03-27"

func TestFlat(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), stamp)
	plain := sample(3<<20+512, 1)
	handmade.Machine{Name: "web 1 [x]", Disks: []handmade.Disk{{Data: plain, Format: "thin"}}}.Write(t, dir)
	handmade.File(t, filepath.Join(dir, "parts-f001.vmdk"), plain[:1<<20])
	handmade.File(t, filepath.Join(dir, "parts-f002.vmdk"), plain[1<<20:2<<20])
	zeros := append(plain[:2<<20:2<<20], make([]byte, 5120)...)
	handmade.Disk{}.Descriptor(t, filepath.Join(dir, "parts.vmdk"), "twoGbMaxExtentFlat", `RW 2048 FLAT "parts-f001.vmdk" 0`, `RDONLY 2048 FLAT "parts-f002.vmdk" 0`, "RW 10 ZERO")
	f := folderOf(t, dir)
	for name, want := range map[string][]byte{"web 1 [x].vmdk": plain, "parts.vmdk": zeros} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Test(t, func(t *testing.T) ingest.Source {
				src, err := f.openDisk(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				return src
			}, want)
		})
	}
	src, err := f.openDisk(t.Context(), "web 1 [x].vmdk")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	holes := false
	for e := range src.Extents(t.Context()) {
		holes = holes || e.Zero
	}
	if !holes {
		t.Error("a thin disk has no holes")
	}
	handmade.Tool(t, "touch", "-d", "2020-01-01", filepath.Join(dir, "web 1 [x]-flat.vmdk"))
	if !strings.Contains(src.changed(), "web 1 [x]-flat.vmdk") {
		t.Error("it was not noticed that a file was written to")
	}
}

// A hostile tree is refused before any tool sees it, and says which file it is.
func TestHostile(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret.raw")
	handmade.File(t, secret, sample(1<<20, 3))
	const flat = `RW 2048 VMFS "d-flat.vmdk"`
	for _, c := range []struct {
		name, says string
		kind       string
		extents    []string
		more       string
		do         func(dir string)
	}{
		{name: "other folder", says: `"../secret.raw"`, extents: []string{`RW 2048 FLAT "../secret.raw" 0`}},
		{name: "absolute", says: secret, extents: []string{`RW 2048 VMFS "` + secret + `"`}},
		{name: "sub-folder", says: `"sub/x.vmdk"`, extents: []string{`RW 2048 VMFS "sub/x.vmdk"`}},
		{name: "backslash", says: `sub\\x.vmdk`, extents: []string{`RW 2048 VMFS "sub\x.vmdk"`}},
		{name: "URL", says: "nbd://localhost/x", extents: []string{`RW 2048 VMFS "nbd://localhost/x"`}},
		{name: "protocol", says: "missing", extents: []string{`RW 2048 VMFS "nbd:localhost:10809"`}},
		{name: "json", says: "missing", extents: []string{`RW 2048 VMFS "json:{}"`}},
		{name: "no name", says: "refused", extents: []string{`RW 2048 VMFS ""`}},
		{name: "dots", says: `".."`, extents: []string{`RW 2048 VMFS ".."`}},
		{name: "symbolic link", says: "link.vmdk: refused: it is a symbolic link", extents: []string{`RW 2048 VMFS "link.vmdk"`}},
		{name: "directory", says: "missing", extents: []string{`RW 2048 VMFS "dir.vmdk"`}},
		{name: "pipe", says: "pipe.vmdk: refused", extents: []string{`RW 2048 VMFS "pipe.vmdk"`}},
		{name: "short flat", says: "d-flat.vmdk: damaged: it has 1048576 bytes of 1049088", extents: []string{`RW 2049 VMFS "d-flat.vmdk"`}},
		{name: "long flat", says: "d-flat.vmdk: damaged", extents: []string{`RW 2047 VMFS "d-flat.vmdk"`}},
		{name: "no flat", says: "e-flat.vmdk: missing", extents: []string{`RW 2048 VMFS "e-flat.vmdk"`}},
		{name: "twice", says: "twice", extents: []string{flat, flat}},
		{name: "offset", says: "does not begin", extents: []string{`RW 2048 FLAT "d-flat.vmdk" 8`}},
		{name: "no access", says: "without access", extents: []string{`NOACCESS 2048 VMFS "d-flat.vmdk"`}},
		{name: "no extent", says: "names no extent"},
		{name: "huge", says: "size that cannot be", extents: []string{`RW 9223372036854775807 VMFS "d-flat.vmdk"`}},
		{name: "huge sum", says: "size that cannot be", extents: []string{`RW 2251799813685248 ZERO`, flat}},
		{name: "nothing understood", says: "not understood", extents: []string{`RW x VMFS "d-flat.vmdk"`}},
		{name: "behind the name", says: "not understood", extents: []string{flat + ` 0 "/dev/sda" 1`}},
		{name: "raw device", says: "kind of disk", kind: "vmfsRawDeviceMap", extents: []string{`RW 2048 VMFSRDM "d-flat.vmdk"`}},
		{name: "device", says: "stands for a device", kind: "fullDevice", extents: []string{flat}},
		{name: "encrypted", says: "encrypted", extents: []string{flat}, more: "encryptionKeys=\"vmware:key/list\"\n"},
		{name: "parent elsewhere", says: `"../base.vmdk"`, extents: []string{flat}, more: "parentCID=00000001\nparentFileNameHint=\"../base.vmdk\"\n"},
		{name: "absolute parent", says: `"/base.vmdk"`, extents: []string{flat}, more: "parentCID=00000001\nparentFileNameHint=\"/base.vmdk\"\n"},
		{name: "parent that is none", says: "says that it has none", extents: []string{flat}, more: "parentFileNameHint=\"base.vmdk\"\n"},
		{name: "no parent", says: "does not name it", extents: []string{flat}, more: "parentCID=00000001\n"},
		{name: "missing parent", says: "base.vmdk: missing", extents: []string{flat}, more: "parentCID=00000001\nparentFileNameHint=\"base.vmdk\"\n"},
		{name: "own parent", says: "no end", extents: []string{flat}, more: "parentCID=fb183c20\nparentFileNameHint=\"d.vmdk\"\n"},
		{name: "zero byte", says: "zero byte", extents: []string{flat}, more: "\x00"},
		{name: "endless", says: "more than", extents: []string{flat}, more: strings.Repeat("#", 5<<20)},
		{name: "many", says: "more than 32768 extents", extents: []string{flat + strings.Repeat("\nRW 1 ZERO", 32<<10)}},
		{name: "no descriptor", says: "no descriptor", do: func(dir string) { handmade.File(t, dir+"/d.vmdk", []byte("QFI\xfb")) }},
		{name: "link to it", says: "d.vmdk: refused: it is a symbolic link", do: func(dir string) { handmade.Tool(t, "ln", "-sf", secret, dir+"/d.vmdk") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "d-2026-11-20_20-03-27")
			handmade.Machine{Name: "d", Disks: []handmade.Disk{{Data: sample(1<<20, 1)}}}.Write(t, dir)
			handmade.File(t, filepath.Join(dir, "sub/x.vmdk"), sample(1<<20, 2))
			handmade.File(t, filepath.Join(dir, "dir.vmdk/x"), nil)
			handmade.Tool(t, "ln", "-s", secret, filepath.Join(dir, "link.vmdk"))
			handmade.Tool(t, "mkfifo", filepath.Join(dir, "pipe.vmdk"))
			if c.kind == "" {
				c.kind = "vmfs"
			}
			file := filepath.Join(dir, "d.vmdk")
			if c.do != nil {
				c.do(dir)
			} else {
				handmade.Disk{}.Descriptor(t, file, c.kind, append(c.extents, c.more)...)
			}
			_, err := folderOf(t, dir).openDisk(t.Context(), "d.vmdk")
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "d.vmdk") {
				t.Errorf("%.300v", err)
			}
		})
	}
}

// TestSwapped opens what was listed, and nothing that took its place.
func TestSwapped(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "d-2026-11-20_20-03-27")
	handmade.Machine{Name: "d", Disks: []handmade.Disk{{Data: sample(1<<20, 1)}}}.Write(t, dir)
	f := folderOf(t, dir)
	flat := filepath.Join(dir, "d-flat.vmdk")
	handmade.Tool(t, "cp", flat, flat+".2")
	handmade.Tool(t, "mv", flat+".2", flat)
	if _, err := f.openDisk(t.Context(), "d.vmdk"); err == nil || !strings.Contains(err.Error(), "d-flat.vmdk is not the file that it was") {
		t.Error(err)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "m-2026-11-20_20-03-27")
	data := sample(1<<16, 1)
	id := "60 00 C2 9a 11 22 33 44-55 66 77 88 99 aa bb cc"
	handmade.Machine{Name: "m", NVRAM: []byte("variables"), Disks: []handmade.Disk{
		{Data: data, UUID: id}, {Data: data, Store: "5f1c-store", File: "data.vmdk"}, {Slot: "sata0:10", File: "gone.vmdk", Absent: true},
		{Slot: "NVME0:1", File: "free.vmdk", Mode: "independent-persistent", Absent: true}, {Slot: "ide0:0", File: "lost.vmdk"}, {Slot: "scsi1:2", File: "../x.vmdk", Absent: true},
	}, Config: "scsi2:0.present = \"FALSE\"\nscsi2:0.fileName = \"off.vmdk\"\nannotation = \"a|22b\"\n"}.Write(t, dir)
	handmade.Tool(t, "rm", filepath.Join(dir, "lost.vmdk"))
	handmade.File(t, filepath.Join(dir, "stray.vmdk"), data)
	tree := open(t, dir, Options{})
	shot, err := tree.Points[0].Take(t.Context(), ingest.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	defer shot.Release(context.Background())
	var got []string
	for _, d := range shot.Disks {
		_, err := d.Open(t.Context(), false)
		got = append(got, fmt.Sprintf("%s %s %s skip=%t err=%t", d.Name, d.Bus, d.ID, d.Skip != "", err != nil))
	}
	want := []string{
		"ide0-0 ide  skip=false err=true", "nvme0-1 nvme  skip=true err=true", "sata0-10 sata  skip=true err=true",
		"scsi0-0 scsi 6000c29a112233445566778899aabbcc skip=false err=false", "scsi0-1 scsi  skip=false err=false", "scsi1-2 scsi  skip=false err=true",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("disks\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	got = nil
	for _, c := range shot.Configs {
		got = append(got, c.Kind+" "+c.Name)
		if c.Kind == "nvram" && !bytes.Equal(c.Data, []byte("variables")) {
			t.Errorf("%q", c.Data)
		}
	}
	if s := strings.Join(got, ", "); s != "vmx m.vmx, nvram m.nvram, vmdk-descriptor scsi0-0.vmdk, vmdk-descriptor scsi0-1.vmdk" {
		t.Error(s)
	}
	warnings := strings.Join(shot.Warnings, "\n")
	for _, says := range []string{"nvme0-1 (free.vmdk) is left out: it is independent", "sata0-10 (gone.vmdk)", "stray.vmdk belongs to no disk"} {
		if !strings.Contains(warnings, says) {
			t.Errorf("no %q in %s", says, warnings)
		}
	}
	if s := strings.Join(shot.Hypervisor, " "); s != "vmx-uuid.bios=564d123456789abcdef0123456789abc vmx-hardware=13" {
		t.Error(s)
	}
}
