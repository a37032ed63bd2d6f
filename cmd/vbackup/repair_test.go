package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// ruin damages every pack of the lab's repository: it turns over a bit of each, and cuts one off.
func ruin(t *testing.T, l *clitest.Lab) {
	t.Helper()
	l.Flip("repo/packs/*/*", 90)
	packs, err := filepath.Glob(l.Path("repo/packs/*/*"))
	if err != nil || len(packs) < 2 {
		t.Fatal(packs, err)
	}
	info, err := os.Stat(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(packs[0], info.Size()-100); err != nil {
		t.Fatal(err)
	}
}

// A repository whose packs are all damaged is healed from a copy of it, and again there is nothing to do.
func TestRepair(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	second := other(t, l)
	disk := l.Disk("web01.raw", 20)
	l.OK("vbackup", "backup", disk)
	l.OK("vbackup", "copy", "--all", "--to", second.Repo)
	ruin(t, l)
	r := l.Run("vbackup", "repair", "--read-data", "--dry-run", "--from", second.Repo)
	if r.Code != 0 || !strings.Contains(r.Out, "can be healed: packs/") || !strings.Contains(r.Out, "would heal") {
		t.Errorf("dry run: exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	if r := l.Run("vbackup", "verify", "--read-data"); r.Code != 4 {
		t.Errorf("the dry run healed: %s", r.Out)
	}
	lines := l.Lines(l.OK("vbackup", "repair", "--read-data", "--from", second.Repo, "--json").Out)
	last := lines[len(lines)-1]
	if len(lines) < 3 || lines[0]["healed"] != true || len(lines[0]["by"].([]any)) == 0 || last["healed"] != float64(len(lines)-1) ||
		last["problems"] != last["healed"] || last["blocks_lost"] != 0.0 {
		t.Errorf("repair: %v", lines)
	}
	l.OK("vbackup", "verify", "--read-data")
	l.OK("vbackup", "restore", "web01", l.Path("x.raw"))
	l.Same(l.Path("x.raw"), l.Bytes(disk))
	if r := l.OK("vbackup", "repair", "--read-data", "--from", second.Repo); !strings.Contains(r.Out, "healed 0 of 0 problems") {
		t.Errorf("again: %s", r.Out)
	}
	l.OK("vbackup", "prune", "--max-unused", "0")
	l.OK("vbackup", "verify", "--read-data")
	l.OK("vbackup", "restore", "--overwrite", "web01", l.Path("x.raw"))
	l.Same(l.Path("x.raw"), l.Bytes(disk))
}

// What cannot be healed stays named and noted; a new backup stores it again; the disk as it is now heals it.
func TestRepairMarks(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 4)
	l.OK("vbackup", "backup", disk)
	l.OK("vbackup", "backup", l.Disk("web02.raw", 2))
	l.Flip("repo/packs/*/*", 300_000)
	r := l.Run("vbackup", "repair", "--read-data")
	if r.Code != 4 || !strings.Contains(r.Out, "hurts web01@") || !strings.Contains(r.Out, "marked as damaged") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	if r := l.Run("vbackup", "verify"); r.Code != 4 || !strings.Contains(r.Out, "hurts web01@") {
		t.Errorf("verify: exit code %d: %s", r.Code, r.Out)
	}
	if damaged, _ := l.Points()[0]["damaged"].(string); !strings.Contains(damaged, "disk0") {
		t.Errorf("points: %v", l.Points()[0])
	}
	l.OK("vbackup", "backup", disk)
	l.OK("vbackup", "restore", "web01", l.Path("x.raw"))
	l.Same(l.Path("x.raw"), l.Bytes(disk))
	r = l.OK("vbackup", "repair", "--read-data", "--source", "web01:disk0="+disk, "--source", "web02:disk0="+l.Path("web02.raw"))
	if !strings.Contains(r.Out, "2 cleared") {
		t.Errorf("repair: %s", r.Out)
	}
	l.OK("vbackup", "verify", "--read-data")
	if damaged := l.Points()[0]["damaged"]; damaged != nil && damaged != "" {
		t.Errorf("points: %v", l.Points()[0])
	}
}

// An image of another format heals, too.
func TestRepairFromAnImage(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.Disk("web01.raw", 2)
	l.Tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "web01.raw", "web01.qcow2")
	l.OK("vbackup", "backup", l.Path("web01.qcow2"))
	l.Flip("repo/packs/*/*", 300_000)
	l.OK("vbackup", "repair", "--read-data", "--source", "disk0="+l.Path("web01.qcow2"))
	l.OK("vbackup", "verify", "--read-data")
}
