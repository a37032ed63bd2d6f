package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vbfs/cmd/internal/clitest"
	vms "vbfs/testdata/lab"
)

// summary is the last line of a command's JSON.
func summary(t *testing.T, l *clitest.Lab, r clitest.Result) map[string]any {
	t.Helper()
	lines := l.Lines(r.Out)
	if len(lines) == 0 {
		t.Fatalf("no JSON: %s", r.Err)
	}
	return lines[len(lines)-1]
}

// A machine whose disks and definition are lost boots again to its guest's shell, with the files of the point; and once
// more from what it became since, by its changes alone.
func TestRestoredGuestBoots(t *testing.T) {
	t.Parallel()
	h := vms.Start(t)
	l := clitest.NewPlain(t)
	d := h.Domain(vms.Spec{Name: "web01", Guest: true, Disks: []vms.Disk{{Target: "vda", Size: 32 << 20, Ext4: true}, {Target: "vdb", Size: 8 << 20, Format: "raw"}}})
	backup := func() map[string]any {
		t.Helper()
		for _, line := range l.Lines(l.OK("vbackup", "backup", "libvirt:web01", "--connect", h.URI(), "--json").Out) {
			if line["type"] == "point" {
				return line
			}
		}
		t.Fatal("no point")
		return nil
	}
	d.Run("echo one >/mnt/vda/file; head -c 3000000 /dev/urandom | tee /mnt/vda/noise | md5sum | cut -c1-32 >/mnt/vda/sum; echo raw >/dev/vdb; sync")
	first := "web01@" + backup()["id"].(string)
	d.Run("echo two >/mnt/vda/file; rm /mnt/vda/noise; sync; fstrim /mnt/vda")
	backup()
	d.Virsh("destroy")
	d.Virsh("undefine", "--checkpoints-metadata")
	for _, disk := range []string{"web01-vda.qcow2", "web01-vdb.raw"} {
		if err := os.Remove(filepath.Join(h.Dir, "images", disk)); err != nil {
			t.Fatal(err)
		}
	}

	storage := l.Path("images")
	os.Mkdir(storage, 0o755)
	s := summary(t, l, l.OK("vbackup", "restore", first, "libvirt:", "--connect", h.URI(), "--storage", storage, "--verify", "--json"))
	if s["domain"] != "web01" || s["verified"] != true || len(s["disks"].([]any)) != 2 {
		t.Errorf("%v", s)
	}
	d.Start()
	check := "cat /mnt/vda/file; md5sum </mnt/vda/noise | cut -c1-32 | cmp - /mnt/vda/sum && head -c 3 /dev/vdb"
	if out := d.Run(check); out != "one\nraw" {
		t.Errorf("the restored guest says %q", out)
	}
	p := backup() // of images that have no bitmaps
	if fallback := p["disks"].([]any)[0].(map[string]any)["fallback"]; fallback == nil {
		t.Errorf("a restored machine's first point: %v", p)
	}
	d.Run("echo three >/mnt/vda/file; dd if=/dev/zero of=/dev/vdb bs=4k count=4; sync")
	d.Virsh("destroy")

	s = summary(t, l, l.OK("vbackup", "restore", "web01@"+p["id"].(string), "libvirt:", "--connect", h.URI(), "--overwrite", "--delta", "--json"))
	vda := s["disks"].([]any)[0].(map[string]any)
	if how := vda["how"].(string); !strings.Contains(how, "bitmap") || vda["written_bytes"].(float64) > 4<<20 {
		t.Errorf("%v", s)
	}
	d.Start()
	if out := d.Run(check); out != "one\nraw" {
		t.Errorf("the guest that was put back says %q", out)
	}
	after := backup()
	if level := after["level"]; level != "inc" {
		t.Errorf("%v", after)
	}
	l.OK("vbackup", "restore", "web01:vda", l.Path("vda.raw"))
	if !bytes.Equal(l.Bytes(l.Path("vda.raw")), d.Content("vda")) {
		t.Error("the increment after a restore is not what the machine held")
	}
}

// Firmware and TPM remember again what they did, of a copy and of the machine itself. Libvirt's paths mean what they mean to
// the daemon.
func TestRestoreFirmwareAndTPM(t *testing.T) {
	t.Parallel()
	h := vms.Start(t)
	l := clitest.NewPlain(t)
	d := h.Domain(vms.Spec{Name: "win", Off: true, UEFI: true, TPM: true, Disks: []vms.Disk{{Target: "vda", Content: []byte("system")}}})
	uuid := d.Virsh("domuuid")
	state := func(uuid string) string {
		return filepath.Join(h.Dir, "lib/swtpm", strings.TrimSpace(uuid), "tpm2/tpm2-00.permall")
	}
	write := func(path, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o711); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inside := func(args ...string) {
		t.Helper()
		cmd := h.Command(clitest.Program("vbackup"), args...)
		cmd.Dir, cmd.Env = l.Dir, l.Env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		} else {
			t.Logf("%s", out)
		}
	}
	remembered := func(nvram, uuid string) {
		t.Helper()
		if got := string(l.Bytes(nvram)); got != "variables" {
			t.Errorf("%s holds %q", nvram, got)
		}
		if got := string(l.Bytes(state(uuid))); got != "keys" {
			t.Errorf("the TPM holds %q", got)
		}
	}
	write(d.NVRAM(), "variables")
	write(state(uuid), "keys")
	inside("backup", "libvirt:win")
	images := filepath.Join(h.Dir, "images")
	inside("restore", "win", "libvirt:", "--name", "copy", "--storage", images)
	remembered(filepath.Join(images, "copy_VARS.fd"), h.Virsh("domuuid", "copy"))
	write(d.NVRAM(), "others")
	write(state(uuid), "other keys")
	write(state(uuid)+"-more", "more")
	inside("restore", "win", "libvirt:", "--overwrite")
	remembered(d.NVRAM(), uuid)
	entries, err := os.ReadDir(filepath.Join(h.Dir, "lib/swtpm"))
	if _, more := os.Stat(state(uuid) + "-more"); err != nil || len(entries) != 2 || more == nil {
		t.Errorf("%v, %v", entries, err)
	}
	write(d.NVRAM(), "others")
	inside("restore", "win:vda", "libvirt:", "--overwrite")
	if got := string(l.Bytes(d.NVRAM())); got != "others" {
		t.Errorf("one disk alone put the NVRAM back: %q", got)
	}
}

// What keeps a machine from being restored is one sentence with the way out, and the exit code that scripts know; nothing is
// left of it.
func TestRestoreMachineRefusals(t *testing.T) {
	t.Parallel()
	l, h, d := domainLab(t)
	l.OK("vbackup", "backup", "libvirt:web01", "--connect", h.URI())
	plain := l.Path("plain.raw")
	os.WriteFile(plain, []byte("no machine"), 0o600)
	l.OK("vbackup", "backup", plain)
	at := func(args ...string) []string { return append(args, "--connect", h.URI()) }
	for name, c := range map[string]struct {
		code int
		says string
		args []string
	}{
		"exists":           {1, "machine exists", at("web01", "libvirt:", "--storage", "./")},
		"runs":             {1, "web01 is paused", at("web01", "libvirt:", "--overwrite")},
		"no such pool":     {1, "no storage pool fast", at("web01", "libvirt:", "--name", "web02", "--storage", "fast")},
		"no directory":     {1, "/none: no such file", at("web01", "libvirt:", "--name", "web02", "--storage", "/none/")},
		"no such domain":   {10, "no such domain: web02", at("web01", "libvirt:", "--name", "web02", "--overwrite")},
		"no such point":    {10, "", at("web01@2001-01-01", "libvirt:", "--name", "web02", "--overwrite")},
		"no such disk":     {10, "", at("web01:vdz", "libvirt:", "--overwrite")},
		"no definition":    {1, "without a machine's definition", at("plain", "libvirt:", "--name", "web02", "--storage", "./")},
		"no daemon":        {1, "libvirt does not run there", []string{"web01", "libvirt:", "--storage", "./", "--connect", "qemu:///system?socket=" + l.Path("none")}},
		"a disk made new":  {2, "--overwrite", at("web01:vda", "libvirt:", "--storage", "./")},
		"no storage":       {2, "--storage", at("web01", "libvirt:")},
		"a name behind":    {2, "--name web02", at("web01", "libvirt:web02", "--storage", "./")},
		"delta of new":     {2, "--overwrite", at("web01", "libvirt:", "--storage", "./", "--delta")},
		"storage of old":   {2, "--storage", at("web01", "libvirt:", "--overwrite", "--storage", "./")},
		"both IDs":         {2, "opposite", at("web01", "libvirt:", "--storage", "./", "--keep-ids", "--new-ids")},
		"vmdk":             {2, "raw or qcow2", at("web01", "libvirt:", "--storage", "./", "--format", "vmdk")},
		"flags of a file":  {2, "libvirt:", []string{"web01:vda", l.Path("x.raw"), "--name", "x"}},
		"delta of a file":  {2, "libvirt:", []string{"web01:vda", l.Path("x.raw"), "--delta"}},
		"the machine's ID": {1, "UUID", at("web01", "libvirt:", "--name", "web02", "--storage", "./", "--keep-ids")},
	} {
		r := l.Run("vbackup", append([]string{"restore"}, c.args...)...)
		if r.Code != c.code || !strings.Contains(r.Err, c.says) {
			t.Errorf("%s: exit code %d: %s", name, r.Code, r.Err)
		}
	}
	if left, _ := filepath.Glob(l.Path("*web*")); left != nil || h.Virsh("list", "--all", "--name") != "web01" {
		t.Errorf("left: %q, %s", left, h.Virsh("list", "--all", "--name"))
	}
	d.Virsh("destroy")
	one := l.OK("vbackup", at("restore", "web01:vdb", "libvirt:", "--overwrite", "--delta")...)
	if !strings.Contains(one.Err, "was compared where") || strings.Contains(one.Err, "vda,") {
		t.Errorf("one disk: %s", one.Err)
	}
}

// An interrupted restore leaves nothing.
func TestRestoreMachineInterrupted(t *testing.T) {
	t.Parallel()
	h := vms.Start(t)
	l := clitest.NewPlain(t)
	content := make([]byte, 40<<20)
	rand.Read(content)
	h.Domain(vms.Spec{Name: "web01", Off: true, Disks: []vms.Disk{{Target: "vda", Content: content}}})
	l.OK("vbackup", "backup", "libvirt:web01", "--connect", h.URI())
	storage := l.Path("images")
	os.Mkdir(storage, 0o755)
	for range 5 {
		cmd := l.Command("vbackup", "restore", "web01", "libvirt:", "--connect", h.URI(), "--name", "web02", "--storage", storage, "--verify")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if staged, _ := filepath.Glob(storage + "/.restoring-*/*"); staged != nil {
				break
			}
		}
		cmd.Process.Signal(syscall.SIGINT)
		err := cmd.Wait()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 130 {
			t.Errorf("interrupted: %v", err)
		}
		if left, _ := os.ReadDir(storage); len(left) > 0 || h.Virsh("list", "--all", "--name") != "web01" {
			t.Fatalf("left: %v, %s", left, h.Virsh("list", "--all", "--name"))
		}
	}
	l.OK("vbackup", "restore", "web01", "libvirt:", "--connect", h.URI(), "--name", "web02", "--storage", storage)
}
