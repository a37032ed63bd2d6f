package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
	vms "vbfs/testdata/lab"
)

// domainLab is a host with a machine of two disks, and a repository.
func domainLab(t *testing.T) (*clitest.Lab, *vms.Host, *vms.Domain) {
	t.Helper()
	h := vms.Start(t)
	d := h.Domain(vms.Spec{Name: "web01", Disks: []vms.Disk{
		{Target: "vda", Content: bytes.Repeat([]byte("first disk "), 400_000)},
		{Target: "vdb", Size: 8 << 20},
	}})
	l := clitest.NewPlain(t)
	return l, h, d
}

// A domain's point is what its disks held; its checkpoint is told of, and goes by name.
func TestLibvirtBackup(t *testing.T) {
	t.Parallel()
	l, h, d := domainLab(t)
	backup := func(args ...string) map[string]any {
		t.Helper()
		r := l.OK("vbackup", append([]string{"backup", "libvirt:web01", "--connect", h.URI(), "--json"}, args...)...)
		for _, line := range l.Lines(r.Out) {
			if line["type"] == "point" {
				return line
			}
		}
		t.Fatalf("no point: %s", r.Out)
		return nil
	}
	same := func(disk string) {
		t.Helper()
		out := l.Path(disk + ".raw")
		l.OK("vbackup", "restore", "web01:"+disk, out, "--overwrite")
		if want := d.Content(disk); !bytes.Equal(l.Bytes(out), want) {
			t.Errorf("%s is not what the machine held", disk)
		}
	}
	if p := backup(); p["level"] != "full" || p["machine"] != "web01" || p["consistency"] != "crash" {
		t.Errorf("%v", p)
	}
	same("vda")
	plan := l.Lines(l.OK("vbackup", "backup", "libvirt:web01", "--connect", h.URI(), "--json", "--dry-run", "--exclude", "vdb").Out)
	if plan[0]["disk"] != "vda" || plan[0]["changes_only"] != true || plan[1]["skipped"] == nil || len(l.Points()) != 1 {
		t.Errorf("%v", plan)
	}
	d.Write("vda", 7, 1<<20, 100_000)
	d.Discard("vda", 2<<20, 1<<20)
	d.Write("vdb", 8, 5, 10)
	p := backup("--exclude", "vdb")
	disks := p["disks"].([]any)
	vda := disks[0].(map[string]any)
	if p["level"] != "inc" || vda["fallback"] != nil && vda["fallback"] != "" || vda["read_bytes"].(float64) > 2<<20 {
		t.Errorf("%v", p)
	}
	same("vda")

	ls := l.Lines(l.OK("vbackup", "libvirt", "ls", "--connect", h.URI(), "--json").Out)
	if ls[0]["name"] != "web01" || ls[0]["state"] != "paused" || len(ls[0]["disks"].([]any)) != 2 {
		t.Errorf("%v", ls)
	}
	h.Virsh("checkpoint-create-as", "web01", "theirs")
	marks := l.Lines(l.OK("vbackup", "libvirt", "checkpoints", "web01", "--connect", h.URI(), "--json", "--remove").Out)
	removed := 0
	for _, m := range marks[:len(marks)-1] {
		if m["removed"] == true {
			removed++
		}
		if (m["name"] == "theirs") == (m["repository"] != nil) {
			t.Errorf("%v", m)
		}
	}
	if left := strings.TrimSpace(h.Virsh("checkpoint-list", "web01", "--name")); removed == 0 || left != "theirs" {
		t.Errorf("%d removed, left: %q", removed, left)
	}
	if p := backup(); p["level"] != "inc" || p["disks"].([]any)[0].(map[string]any)["fallback"] == nil {
		t.Errorf("without its checkpoint: %v", p)
	}
	same("vda")
	same("vdb")
	l.OK("vbackup", "verify", "--read-data")
}

// What keeps a machine from being captured is one sentence with the way out, and the exit code that scripts know.
func TestLibvirtRefusals(t *testing.T) {
	t.Parallel()
	l, h, _ := domainLab(t)
	for name, c := range map[string]struct {
		code int
		says string
		args []string
	}{
		"no such domain":   {10, "no such domain: web02", []string{"libvirt:web02", "--connect", h.URI()}},
		"no daemon":        {1, "VBACKUP", []string{"libvirt:web01", "--connect", "qemu:///system?socket=" + l.Path("none")}},
		"no guest":         {1, "consistency not reached", []string{"libvirt:web01", "--connect", h.URI(), "--require-consistency", "filesystem"}},
		"no name":          {2, "needs a domain", []string{"libvirt:"}},
		"name and all":     {2, "--all", []string{"libvirt:web01", "--all"}},
		"all of files":     {2, "--all", []string{"--all", "x.raw"}},
		"odd consistency":  {2, "--require-consistency", []string{"libvirt:web01", "--require-consistency", "perfect"}},
		"a disk of whole":  {2, "whole machine", []string{"vda=libvirt:web01"}},
		"two in one":       {2, "--machine", []string{"libvirt:web01", "libvirt:web02", "--machine", "x"}},
		"pause and freeze": {2, "--pause", []string{"libvirt:web01", "--pause", "--freeze-mountpoint", "/"}},
	} {
		r := l.Run("vbackup", append([]string{"backup"}, c.args...)...)
		if r.Code != c.code || name != "no daemon" && !strings.Contains(r.Err, c.says) {
			t.Errorf("%s: exit code %d: %s", name, r.Code, r.Err)
		}
	}
	if n := len(l.Points()); n != 0 {
		t.Errorf("%d points", n)
	}
	r := l.Run("vbackup", "backup", "libvirt:web01", "libvirt:web02", "--connect", h.URI())
	if r.Code != 3 || len(l.Points()) != 1 {
		t.Errorf("one of two: exit code %d: %s", r.Code, r.Err)
	}
	h.Domain(vms.Spec{Name: "db [x]", Disks: []vms.Disk{{Target: "vda", Size: 1 << 20}}})
	if err := os.WriteFile(l.Path("list"), []byte("# all of them\nweb*\n\n db [x] \nweb03\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = l.Run("vbackup", "backup", "libvirt:", "--list", l.Path("list"), "--connect", h.URI(), "--machines-at-once", "2")
	if r.Code != 3 || len(l.Points()) != 3 || !strings.Contains(r.Err, "list:5: no such domain: web03") {
		t.Errorf("a list: exit code %d: %s", r.Code, r.Err)
	}
	r = l.OK("vbackup", "backup", "libvirt:", "--all", "--exclude-machine", "web*", "--connect", h.URI(), "--dry-run")
	if !strings.Contains(r.Out, "db [x]: would capture vda") || strings.Contains(r.Out, "web01") {
		t.Errorf("%s", r.Out)
	}
}
