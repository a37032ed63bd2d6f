package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/cmd/internal/clitest"
	"vbfs/ingest/ghettovcb/handmade"
	vms "vbfs/testdata/lab"
	"vbfs/testdata/vsim"
)

// listOf writes a list file.
func listOf(l *clitest.Lab, lines ...string) string {
	l.T.Helper()
	file := l.Path("vms_to_restore")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		l.T.Fatal(err)
	}
	return file
}

// A list as ghettoVCB-restore.sh reads them brings machines back to a vCenter: what was imported by its folder, what was captured by its
// point. Lines that fail are named, and the others come back.
func TestRestoreList(t *testing.T) {
	t.Parallel()
	content := noise(1<<20, 3)
	l := newVSphereRestore(t, 2<<20, content)
	volume := l.Path("volume")
	want := map[int][]byte{}
	for day := 1; day <= 3; day++ {
		folder, _ := stamped(volume, "old", day)
		want[day] = noise(1<<20, byte(day))
		handmade.Machine{Name: "old", Disks: []handmade.Disk{{Data: want[day], Format: "thin"}}}.Write(t, folder)
	}
	l.OK("vbackup", "import", "ghettovcb", volume)
	file := listOf(l.Lab,
		`#"<DIRECTORY or .TGZ>;<DATASTORE_TO_RESTORE_TO>;<DISK_FORMAT_TO_RESTORE>"`,
		``,
		`"/vmfs/volumes/nas 1/BACKUPS/old/old-2026-11-02_20-03-27;/vmfs/volumes/fast;1;old-2"`,
		` "/vmfs/volumes/nas/old/old-2026-11-01_20-03-27.gz" ; "/vmfs/volumes/slow disks 7%/" ; "3" ; "old 1" `,
		`web01;fast;4;web 02`,
		`nobody@2026-11-02;fast;3;x`,
		`/vmfs/volumes/nas/old/old-2026-11-09_20-03-27;fast;3;x`,
		`/vmfs/volumes/nas/old/old-1;fast;3;x`,
		`web01;fast;2;x`,
		`web01;/vmfs/volumes/fast/sub;3;x`,
		`web01;fast;3;web 02`,
		`web01:scsi0-0;fast;3;x`,
		`web01;fast;3;x;more`,
		`web01;gone;3;x`,
		`old@2026-11-03`,
	)
	args := l.to("restore", "--list", file, "vsphere:/DC0/vm/back/again", "--cluster", "DC0_C0", "--storage", "slow disks 7%", "--format", "zeroedthick")
	fails := map[int]string{
		6: "no such point", 7: "was imported from", 8: "no date and time", 9: "not 2gbsparse", 10: "datastore alone",
		11: "web 02 is restored by " + file + ":5 already", 12: "one disk", 13: "POINT;STORAGE;FORMAT;NAME", 14: "there is no datastore gone",
	}
	dry := l.Run("vbackup", append(args, "--dry-run")...)
	if dry.Code != 3 || strings.Count(dry.Out, "would be restored to") != 4 || l.h.Counts().Calls["CreateVM_Task"] != 0 || l.h.Counts().Calls["CreateFolder"] != 0 {
		t.Errorf("exit code %d: %s%s", dry.Code, dry.Out, dry.Err)
	}
	for _, says := range []string{file + ":3: old@2026-11-02T20-03-27Z: would be restored to the machine old-2", "/DC0/vm/back/again/old-2", "/DC0/vm/back/again/old: ", "[fast], zeroedthick", "[slow disks 7%], zeroedthick", "[slow disks 7%], thin", "[fast], eagerzeroedthick"} {
		if !strings.Contains(dry.Out, says) {
			t.Errorf("no %q in %s", says, dry.Out)
		}
	}
	r := l.Run("vbackup", args...)
	if r.Code != 3 || !strings.Contains(r.Err, "restored 4 machines, 0 in part, 9 failed") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	for n, why := range fails {
		for _, out := range []string{r.Err, dry.Err} {
			if at := fmt.Sprintf("vbackup: %s:%d: ", file, n); strings.Count(out, at) != 1 || !strings.Contains(out[strings.Index(out, at):], why) {
				t.Errorf("line %d: no %q in %s", n, why, out)
			}
		}
	}
	for name, c := range map[string]struct {
		data []byte
		at   string
	}{"old-2": {want[2], "[fast]"}, "old 1": {want[1], "[slow disks 7%]"}, "web 02": {content, "[fast]"}, "old": {want[3], "[slow disks 7%]"}} {
		m := l.h.Machine(name)
		if got := m.Content("scsi0-0"); m.Path() != "/DC0/vm/back/again/"+name || !bytes.Equal(got[:len(c.data)], c.data) || !strings.HasPrefix(m.Files()[0], c.at) {
			t.Errorf("%s is at %s, in %v", name, m.Path(), m.Files())
		}
	}
	if n := l.h.Sessions(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// Machines that are there are restored over by a list, each once.
func TestRestoreListOver(t *testing.T) {
	t.Parallel()
	l := newVSphereRestore(t, 2<<20, noise(1<<20, 3))
	want := l.m.Frozen("scsi0-0")
	l.m.Write("scsi0-0", 0, []byte("written since"))
	file := listOf(l.Lab, "web01", "web01;;;web01", "web01;;;none", "web01;fast")
	args := l.to("restore", "--list", file, "vsphere:", "--overwrite", "--delta", "--json")
	written := l.m.Content("scsi0-0")
	for _, dry := range []bool{true, false} {
		run, kind := args, "restored"
		if dry {
			run, kind = append(args, "--dry-run"), "plan"
		}
		r := l.Run("vbackup", run...)
		lines := l.Lines(r.Out)
		if r.Code != 3 || len(lines) != 5 || lines[0]["type"] != kind || lines[0]["list"] != file+":1" || lines[0]["machine"] != "web01" || lines[0]["uuid"] != l.m.InstanceUUID() {
			t.Fatalf("exit code %d: %s", r.Code, r.Out)
		}
		for i, code := range []float64{2, 10, 2} {
			if e := lines[i+1]; e["type"] != "error" || e["code"] != code || !strings.HasPrefix(e["message"].(string), fmt.Sprintf("%s:%d: ", file, i+2)) {
				t.Errorf("%v", e)
			}
		}
		if s := lines[4]; s["type"] != "summary" || s["failed"] != 3.0 || s["restored"].(float64)+s["planned"].(float64) != 1 {
			t.Errorf("%v", s)
		}
		now := l.m.Content("scsi0-0")
		if dry && !bytes.Equal(now, written) || !dry && !bytes.Equal(now, want) {
			t.Errorf("dry run %v: the disk is not what it should be", dry)
		}
	}
}

// A list makes folders of VMware's files, in each of ghettoVCB's formats.
func TestRestoreListFolder(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	m := l.h.Add(vsim.Spec{Name: "web01", Disks: []vsim.Disk{{Size: 2 << 20, Content: noise(1<<20, 1)}}})
	l.OK("vbackup", l.account("backup", "vsphere:web01", "--transport", "https")...)
	dir := l.Path("some where")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := listOf(l.Lab, "web01", "web01;"+dir+";1;flat", "web01;"+dir+";2;sparse", "web01;"+dir+";thin", "web01;"+l.Path("none")+";4")
	for _, dry := range []string{"--dry-run=true", "--dry-run=false"} {
		r := l.Run("vbackup", "restore", "--list", file, "vmware:"+l.Dir, "--verify", dry)
		if r.Code != 3 || strings.Count(r.Err, file+":5: ") != 1 {
			t.Errorf("%s: exit code %d: %s%s", dry, r.Code, r.Out, r.Err)
		}
		if left, _ := filepath.Glob(dir + "/*"); dry == "--dry-run=true" && (left != nil || strings.Count(r.Out, "would be restored to the folder") != 4) {
			t.Errorf("%q are there: %s", left, r.Out)
		}
	}
	for _, disk := range []string{l.Path("web01/web01.vmdk"), filepath.Join(dir, "flat/flat.vmdk"), filepath.Join(dir, "sparse/sparse.vmdk"), filepath.Join(dir, "web01/web01.vmdk")} {
		l.Tool("qemu-img", "convert", "-f", "vmdk", "-O", "raw", disk, l.Path("out.raw"))
		l.Same(l.Path("out.raw"), m.Frozen("scsi0-0"))
	}
	r := l.Run("vbackup", "restore", "--list", file, "vmware:"+l.Dir, "--dry-run")
	if r.Code != 1 || strings.Count(r.Err, "exists already") != 4 {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}

// What cannot be said with a list is refused before anything is made.
func TestRestoreListRefused(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	file, empty := listOf(l, "web01;x"), l.Path("empty")
	os.WriteFile(empty, []byte("# nobody\n"), 0o600)
	for _, args := range [][]string{
		{"--list", file, "web01", "libvirt:"}, {"--list", file, "x.raw"}, {"--list", file, "libvirt:", "--name", "x"}, {"--list", empty, "libvirt:"},
		{"--list", l.Path("none"), "libvirt:"}, {"--list", file, "vsphere:x", "--overwrite"}, {"--list", file, "vsphere:"}, {"web01"},
		{"web01", "-", "--dry-run"}, {"web01", "nbd://host/x", "--dry-run"}, {"web01", "x.raw", "--power-on"}, {"web01", "vmware:x", "--power-on"},
		{"web01", "libvirt:", "--overwrite", "--power-on"},
	} {
		if r := l.Run("vbackup", append([]string{"restore"}, args...)...); r.Code != 2 {
			t.Errorf("%q: exit code %d: %s", args, r.Code, r.Err)
		}
	}
}

// A dry run of a restore to libvirt makes nothing, and tells what is known by then; a machine that was asked to run does in the end, and
// one that cannot is whole all the same.
func TestRestoreListLibvirt(t *testing.T) {
	t.Parallel()
	h := vms.Start(t)
	l := clitest.NewPlain(t)
	h.Domain(vms.Spec{Name: "web01", Disks: []vms.Disk{{Target: "vda", Content: noise(1<<20, 1)}}})
	h.Domain(vms.Spec{Name: "loud", Off: true, Disks: []vms.Disk{{Target: "vda", Content: noise(1<<20, 2)}}, Devices: "<serial type='file'><source path='/nowhere/log'/></serial>"})
	l.OK("vbackup", "backup", "libvirt:web01", "libvirt:loud", "--connect", h.URI())
	storage := l.Path("images")
	if err := os.Mkdir(storage, 0o755); err != nil {
		t.Fatal(err)
	}
	at := func(args ...string) []string { return append([]string{"restore", "--connect", h.URI()}, args...) }
	r := l.OK("vbackup", at("web01", "libvirt:", "--storage", storage, "--name", "web02", "--dry-run")...)
	if left, _ := os.ReadDir(storage); len(left) != 0 || strings.Contains(h.Virsh("list", "--all"), "web02") || !strings.Contains(r.Out, "the domain web02 (with new IDs)") || !strings.Contains(r.Out, "web02-vda.qcow2, qcow2") {
		t.Errorf("%v: %s", left, r.Out)
	}
	file := listOf(l, "web01;;raw;web 02", "web01;"+storage+";1;x", "web01", "loud;"+storage+"/;qcow2;quiet", "web01;;;web 02", "loud;;;quiet")
	r = l.Run("vbackup", at("--list", file, "libvirt:", "--storage", storage, "--power-on", "--json")...)
	s := summary(t, l, r)
	if r.Code != 3 || s["restored"] != 1.0 || s["partly"] != 1.0 || s["failed"] != 4.0 || h.Virsh("domstate", "web 02") != "running" || h.Virsh("domstate", "quiet") != "shut off" {
		t.Errorf("exit code %d: %s", r.Code, h.Virsh("list", "--all"))
	}
	for n, why := range map[int]string{2: "VMware's zeroedthick", 3: "machine exists", 4: "quiet: it is not powered on: start domain quiet: ", 5: "is restored by " + file + ":1", 6: "is restored by " + file + ":4"} {
		if at := fmt.Sprintf("vbackup: %s:%d: ", file, n); strings.Count(r.Err, at) != 1 || !strings.Contains(r.Err[strings.Index(r.Err, at):], why) {
			t.Errorf("line %d: no %q in %s", n, why, r.Err)
		}
	}
	if !strings.Contains(r.Err, "/nowhere/log") {
		t.Error(r.Err)
	}
	l.Tool("qemu-img", "compare", "-f", "raw", "-F", "qcow2", "-U", filepath.Join(storage, "web 02-vda.raw"), h.Dir+"/images/web01-vda.qcow2")
	image := filepath.Join(h.Dir, "images/loud-vda.qcow2")
	l.Tool("qemu-io", "-c", "write -P 9 0 64k", image)
	was := l.Bytes(image)
	r = l.OK("vbackup", at("loud", "libvirt:", "--overwrite", "--dry-run")...)
	if !bytes.Equal(l.Bytes(image), was) || !strings.Contains(r.Out, "would be replaced: "+image) {
		t.Error(r.Out)
	}
	if r := l.Run("vbackup", at("web01", "libvirt:", "--overwrite", "--dry-run")...); r.Code != 1 || !strings.Contains(r.Err, "web01 is paused") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if r := l.Run("vbackup", at("loud", "libvirt:", "--storage", storage, "--name", "quiet", "--dry-run")...); r.Code != 1 || !strings.Contains(r.Err, "machine exists") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	r = l.Run("vbackup", at("loud", "libvirt:", "--storage", storage, "--name", "loud2", "--power-on")...)
	if r.Code != 3 || !strings.Contains(r.Err, "not powered on") || !strings.Contains(r.Err, "which is shut off") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}

// A dry run of a disk's restore tells whether its file is free, and makes none.
func TestRestoreDryRunFile(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	file, to := l.Path("web01.raw"), l.Path("back.qcow2")
	if err := os.WriteFile(file, noise(1<<20, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	l.OK("vbackup", "backup", file)
	if r := l.OK("vbackup", "restore", "web01", to, "--dry-run"); !strings.Contains(r.Out, "1.00 MiB, of which 768 KiB data, would be made: "+to) {
		t.Error(r.Out)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("it is there")
	}
	l.OK("vbackup", "restore", "web01", to)
	was := l.Bytes(to)
	if r := l.Run("vbackup", "restore", "web01", to, "--dry-run"); r.Code != 1 || !strings.Contains(r.Err, "--overwrite") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	r := l.OK("vbackup", "restore", "web01", to, "--dry-run", "--overwrite", "--json")
	if lines := l.Lines(r.Out); len(lines) != 2 || lines[0]["type"] != "plan" || lines[0]["data_bytes"] != 786432.0 || lines[1]["planned"] != 1.0 || !bytes.Equal(l.Bytes(to), was) {
		t.Error(r.Out)
	}
}

// An interrupted list leaves nothing of the machine that it was at, and begins with no other.
func TestRestoreListInterrupted(t *testing.T) {
	t.Parallel()
	l := newVSphereRestore(t, 1<<20, []byte("bytes"))
	l.h.Slow("ReconfigVM_Task", 200*time.Millisecond)
	cmd := l.Command("vbackup", l.to("restore", "--list", listOf(l.Lab, "web01;;;a", "web01;;;b"), "vsphere:")...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	made := func() int { return l.h.Counts().Calls["CreateVM_Task"] }
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && made() == 0; {
		time.Sleep(time.Millisecond)
	}
	cmd.Process.Signal(syscall.SIGINT)
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 130 || made() != 1 || strings.Count(said.String(), "interrupted") != 1 {
		t.Errorf("%v, %d were begun: %s", cmd.ProcessState, made(), said.String())
	}
	if _, err := l.h.Finder().VirtualMachine(context.Background(), "/DC0/vm/web/a"); err == nil {
		t.Error("the machine is left")
	}
}

// A dry run tells what a folder's machine would lose, as the restore does.
func TestRestoreDryRunTellsLosses(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	folder, _ := stamped(l.Path("volume"), "old", 1)
	handmade.Machine{Name: "old", Disks: []handmade.Disk{{Data: noise(1<<20, 1)}, {Data: noise(1<<20, 2)}}}.Write(t, folder)
	left, _ := filepath.Glob(folder + "/old_1*")
	for _, file := range left {
		os.Remove(file)
	}
	l.OK("vbackup", "import", "ghettovcb", l.Path("volume"), "--include-incomplete")
	for _, kind := range []string{"thin", "streamOptimized"} {
		args := []string{"restore", "old", "vmware:" + l.Dir, "--format", kind, "--name", kind, "--json"}
		plan := l.Lines(l.OK("vbackup", append(args, "--dry-run")...).Out)[0]
		if _, err := os.Stat(l.Path(kind)); err == nil {
			t.Error("it is there")
		}
		made := summary(t, l, l.OK("vbackup", args...))
		if plan["warnings"] == nil || fmt.Sprint(plan["warnings"]) != fmt.Sprint(made["warnings"]) || plan["uuid"] == "" && made["uuid"] != "" || plan["folder"] != l.Path(kind) {
			t.Errorf("%v\n%v", plan, made)
		}
	}
}
