package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
	"vbfs/ingest/ghettovcb/handmade"
)

func noise(size int, seed byte) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	clear(b[size/4 : size/2])
	return b
}

// stamped is the name of a folder of a machine's, and of the point that it becomes.
func stamped(volume, machine string, day int) (folder, point string) {
	return filepath.Join(volume, machine, fmt.Sprintf("%s-2026-11-%02d_20-03-27", machine, day)), fmt.Sprintf("%s@2026-11-%02dT20-03-27Z", machine, day)
}

// TestImportGhettoVCB imports a hand-built tree of all that ghettoVCB writes, byte for byte.
func TestImportGhettoVCB(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	volume := l.Path("vol ume")
	want := map[string][]byte{} // of each disk
	for i, format := range []string{"zeroedthick", "2gbsparse", "thin", "eagerzeroedthick"} {
		folder, point := stamped(volume, "a [b] ü", i+1)
		boot, data := noise(2<<20+512, byte(i)), noise(1<<20, byte(i+50))
		handmade.Machine{Name: "a [b] ü", NVRAM: []byte("nvram " + format), Disks: []handmade.Disk{
			{Data: boot, Format: format, UUID: "60 00 C2 9a 11 22 33 44-55 66 77 88 99 aa bb cc"}, {Data: data, Format: format, Store: "5f1c store", Slot: "sata1:0"},
		}}.Write(t, folder)
		want[point+":scsi0-0"], want[point+":sata1-0"] = boot, data
	}
	folder, point := stamped(volume, "packed", 1)
	packed := noise(1<<20, 99)
	handmade.Machine{Name: "packed", Disks: []handmade.Disk{{Data: packed, Format: "thin"}, {Data: packed, Store: "other"}}}.Write(t, folder)
	handmade.Pack(t, folder)
	want[point+":scsi0-0"], want[point+":scsi0-1"] = packed, packed
	for i := range 2 {
		folder := filepath.Join(volume, "rotated", fmt.Sprintf("rotated-%d", i))
		data := noise(1<<20, byte(i+100))
		handmade.Machine{Name: "rotated", Disks: []handmade.Disk{{Data: data}}}.Write(t, folder)
		handmade.Tool(t, "touch", "-d", fmt.Sprintf("2026-11-0%dT20:03:27Z", 2-i), filepath.Join(folder, "rotated.vmx"))
		want[fmt.Sprintf("rotated@2026-11-0%dT20-03-27Z:scsi0-0", 2-i)] = data
	}
	folder, _ = stamped(volume, "rotated", 9)
	handmade.Machine{Name: "rotated", Status: "none", Disks: []handmade.Disk{{Data: packed}}}.Write(t, folder)

	plan := l.OK("vbackup", "import", "ghettovcb", volume, "--dry-run")
	if strings.Count(plan.Out, "would import") != 7 || len(l.Points()) != 0 || !strings.Contains(plan.Err, "--include-incomplete takes it") {
		t.Fatalf("a dry run says %s%s, and there are %d points", plan.Out, plan.Err, len(l.Points()))
	}
	r := l.OK("vbackup", "import", "ghettovcb", volume, "--tag", "reason=switch", "--scratch", l.Dir)
	if !strings.Contains(r.Out, "imported 7 points, 0 were there, 0 failed") || !strings.Contains(r.Err, "rotated-2026-11-09_20-03-27: there is no STATUS.ok") {
		t.Error(r.Out, r.Err)
	}
	for disk, data := range want {
		holds(l, disk, data)
	}
	again := l.Path("a-flat.vmdk") // as the guide has it, beside its descriptor
	l.OK("vbackup", "restore", "-q", "a [b] ü@2026-11-01:scsi0-0", again, "--format", "raw")
	l.Same(again, want["a [b] ü@2026-11-01T20-03-27Z:scsi0-0"])
	show := l.OK("vbackup", "show", "a [b] ü@2026-11-02", "--json").Out
	for _, kept := range []string{"vmx", "a [b] ü.nvram", "scsi0-0.vmdk", "ghettovcb-status=ok", "reason=switch", "imported-from=ghettovcb"} {
		if !strings.Contains(show, kept) {
			t.Errorf("no %s in %s", kept, show)
		}
	}
	if show := l.OK("vbackup", "show", "packed", "--json").Out; !strings.Contains(show, "ghettovcb-status=unknown") || !strings.Contains(show, "no status into archives") {
		t.Error(show)
	}

	handmade.Tool(t, "mv", filepath.Join(volume, "rotated/rotated-1"), filepath.Join(volume, "rotated/rotated-2"))
	moved := l.Path("moved")
	handmade.Tool(t, "mv", volume, moved)
	r = l.OK("vbackup", "import", "ghettovcb", moved, "--include-incomplete", "--json")
	lines := l.Lines(r.Out)
	if sum := lines[len(lines)-1]; sum["points_skipped"] != 7.0 || len(sum["points"].([]any)) != 1 || len(l.Points()) != 8 {
		t.Error(r.Out)
	}
	if show := l.OK("vbackup", "show", "rotated@2026-11-09", "--json").Out; !strings.Contains(show, "ghettovcb-status=none") || !strings.Contains(show, "incomplete: there is no STATUS.ok") {
		t.Error(show)
	}
	l.OK("vbackup", "verify", "--read-data")
}

// TestImportGhettoVCBDamaged fails what is damaged or hostile, by name, and imports the rest: once.
func TestImportGhettoVCBDamaged(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	volume := l.Path("volume")
	data := noise(1<<20, 1)
	var folders []string
	for day := 1; day <= 5; day++ {
		folder, _ := stamped(volume, "web01", day)
		handmade.Machine{Name: "web01", Disks: []handmade.Disk{{Data: data}, {Data: data}}}.Write(t, folder)
		folders = append(folders, folder)
	}
	flat := filepath.Join(folders[1], "web01-flat.vmdk")
	if err := os.Truncate(flat, 1<<19); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"web01.vmdk", "web01_1.vmdk"} {
		handmade.Disk{}.Descriptor(t, filepath.Join(folders[2], file), "vmfs", `RW 2048 VMFS "/etc/passwd"`)
	}
	handmade.Pack(t, folders[3])
	archive := folders[3] + ".gz"
	good := l.Bytes(archive)
	l.Write(archive, int64(len(good)/2), 1, ^good[len(good)/2])

	for n, says := range []string{"imported 3 points, 0 were there, 3 failed", "imported 0 points, 3 were there, 3 failed"} {
		r := l.Run("vbackup", "import", "ghettovcb", volume)
		if r.Code != 3 || !strings.Contains(r.Out, says) {
			t.Fatalf("run %d: exit code %d: %s%s", n, r.Code, r.Out, r.Err)
		}
		for _, named := range []string{
			"web01@2026-11-02T20-03-27Z (web01/web01-2026-11-02_20-03-27): disk scsi0-0: ", "web01-flat.vmdk: damaged: it has 524288 bytes of 1048576", `names "/etc/passwd"`,
			"web01-2026-11-04_20-03-27.gz: damaged",
		} {
			if !strings.Contains(r.Err, named) {
				t.Errorf("run %d: no %q in %s", n, named, r.Err)
			}
		}
	}
	holds(l, "web01@2026-11-02:scsi0-1", data)
	if r := l.Run("vbackup", "import", "ghettovcb", volume, "--dry-run"); r.Code != 3 || !strings.Contains(r.Err, "web01-flat.vmdk") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	handmade.File(t, flat, data)
	handmade.File(t, archive, good)
	r := l.Run("vbackup", "import", "ghettovcb", volume)
	if r.Code != 3 || !strings.Contains(r.Out, "imported 2 points, 2 were there, 1 failed") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	holds(l, "web01@2026-11-04T20-03-27Z:scsi0-0", data)
	if bytes.Count([]byte(r.Err), []byte("root:")) > 0 {
		t.Error(r.Err)
	}
	l.OK("vbackup", "verify", "--read-data")
}

func TestImportGhettoVCBRefuses(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	volume := l.Path("volume")
	for _, name := range []string{"web01", "db01"} {
		folder, _ := stamped(volume, name, 1)
		handmade.Machine{Name: name, Disks: []handmade.Disk{{Data: noise(1<<16, 1)}}}.Write(t, folder)
	}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "no folder was named", nil},
		{1, "VM_BACKUP_VOLUME", []string{l.Repo}},
		{1, "no such file", []string{l.Path("none")}},
		{2, "two machines, db01 and web01", []string{volume, "--machine", "x"}},
		{2, "--time-zone", []string{volume, "--time-zone", "Middle/Earth"}},
	} {
		r := l.Run("vbackup", append([]string{"import", "ghettovcb"}, c.args...)...)
		if r.Code != c.code || !strings.Contains(r.Err, c.says) {
			t.Errorf("%q: exit code %d, %s", c.args, r.Code, r.Err)
		}
	}
	l.OK("vbackup", "import", "ghettovcb", filepath.Join(volume, "db01"), "--machine", "x", "--time-zone", "Europe/Berlin")
	if p := l.Points()[0]; p["machine"] != "x" || p["name"] != "2026-11-01T19-03-27Z" {
		t.Error(p)
	}
}
