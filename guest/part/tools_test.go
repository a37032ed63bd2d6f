package part_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vbfs/guest/part"
)

const mib = 1 << 20

// newDisk makes a sparse file.
func newDisk(t *testing.T, size int64) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(p, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(p, size); err != nil {
		t.Fatal(err)
	}
	return p
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

func run(t testing.TB, stdin, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); cmd.Err != nil && err == nil {
			cmd.Path, cmd.Err = p, nil
		}
	}
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func read(t *testing.T, path string, sectorSize int) (part.Table, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return part.Read(f, fi.Size(), sectorSize)
}

func mustRead(t *testing.T, path string, sectorSize int) part.Table {
	t.Helper()
	table, err := read(t, path, sectorSize)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// sfdiskTable is what sfdisk --json says.
type sfdiskTable struct {
	PartitionTable struct {
		Label      string
		ID         string
		SectorSize int64
		Partitions []struct {
			Node, Type, UUID, Name, Attrs string
			Start, Size                   int64
			Bootable                      bool
		}
	}
}

// compareSfdisk reads the table of 512-byte sectors with sfdisk and with us.
func compareSfdisk(t *testing.T, path string) {
	t.Helper()
	var want sfdiskTable
	if err := json.Unmarshal(run(t, "", "sfdisk", "--json", path), &want); err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, path, 0)
	pt := want.PartitionTable
	if kind := map[string]string{"dos": part.MBR, "gpt": part.GPT}[pt.Label]; got.Kind != kind || len(got.Parts) != len(pt.Partitions) {
		t.Fatalf("got %s with %d partitions, sfdisk %s with %d", got.Kind, len(got.Parts), pt.Label, len(pt.Partitions))
	}
	for i, w := range pt.Partitions {
		g := got.Parts[i]
		n, _ := strconv.Atoi(strings.TrimPrefix(w.Node, path))
		if g.Number != n || g.Start != w.Start*512 || g.Length != w.Size*512 || g.Name != w.Name ||
			g.Bootable != (w.Bootable || strings.Contains(w.Attrs, "LegacyBIOSBootable")) {
			t.Errorf("got %+v, sfdisk %+v", g, w)
		}
		if got.Kind == part.GPT && (!strings.EqualFold(g.Type, w.Type) || !strings.EqualFold(g.UUID, w.UUID)) {
			t.Errorf("got %+v, sfdisk %+v", g, w)
		}
		if got.Kind == part.MBR && (strings.TrimPrefix(g.Type, "0") != w.Type || g.UUID != strings.TrimPrefix(pt.ID, "0x")+"-"+pad(n)) {
			t.Errorf("got %+v, sfdisk %+v of %s", g, w, pt.ID)
		}
	}
	comparePartx(t, path, got)
}

func pad(n int) string { return string("0123456789abcdef"[n/16]) + string("0123456789abcdef"[n%16]) }

// comparePartx asks partx, which reads tables with a library of its own. It shows an extended partition with a length of
// its own making, as Linux does.
func comparePartx(t *testing.T, path string, got part.Table) {
	t.Helper()
	lines := strings.Fields(string(run(t, "", "partx", "--raw", "--noheadings", "--bytes", "--output", "NR,START,SIZE,UUID", path)))
	if len(lines) != 4*len(got.Parts) {
		t.Fatalf("partx: %q", lines)
	}
	for i, p := range got.Parts {
		f := lines[4*i:]
		size, want := strconv.FormatInt(p.Length, 10), f[2]
		if p.Extended() {
			want = size
		}
		if f[0] != strconv.Itoa(p.Number) || f[1] != strconv.FormatInt(p.Start/512, 10) || size != want || f[3] != p.UUID {
			t.Errorf("got %+v, partx %q", p, f[:4])
		}
	}
}

func TestSfdisk(t *testing.T) {
	for name, script := range map[string]string{
		"mbr":      "label: dos\n,8M,L,*\n,8M,c\n,,8e\n",
		"slots":    "label: dos\n4: size=8M,type=7\n2: size=4M\n",
		"logical":  "label: dos\n,8M,L\n,50M,f\n,4M,L\n,5M,82\n,6M,b\n,7M\n",
		"extended": "label: dos\n,8M\n,16M,5\n",
		"empty":    "label: dos\n",
		"gpt":      "label: gpt\nsize=8M,type=U,name=\"EFI system\"\nsize=8M,name=\"größe 💾\",attrs=LegacyBIOSBootable\ntype=E6D6D379-F507-44C2-A23C-238F2A3DF928\n",
		"gpt gaps": "label: gpt\n7: size=8M\n120: size=1M\n3: size=2M\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newDisk(t, 100*mib)
			run(t, script, "sfdisk", "--quiet", p)
			if name == "empty" {
				if got := mustRead(t, p, 0); got.Kind != part.MBR || len(got.Parts) != 0 {
					t.Errorf("got %+v", got)
				}
				return
			}
			compareSfdisk(t, p)
		})
	}
}

func TestParted(t *testing.T) {
	for name, args := range map[string]string{
		"mbr": "mklabel msdos mkpart primary ext4 1MiB 20MiB mkpart extended 20MiB 90MiB mkpart logical 21MiB 40MiB mkpart logical 41MiB 60MiB mkpart logical 61MiB 62MiB rm 6 set 1 boot on",
		"gpt": "mklabel gpt mkpart one fat32 1MiB 20MiB mkpart two 20MiB 100% set 1 esp on rm 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newDisk(t, 100*mib)
			run(t, "", "parted", append([]string{"--script", p}, strings.Fields(args)...)...)
			compareSfdisk(t, p)
		})
	}
}

func TestSgdisk(t *testing.T) {
	p := newDisk(t, 100*mib)
	run(t, "", "sgdisk", "--resize-table=256", "--new=1:2048:+8M", "--new=200:0:0", "--change-name=200:last", p)
	compareSfdisk(t, p)
}

// TestWholeDiskFileSystems reads disks that hold a file system and no table.
func TestWholeDiskFileSystems(t *testing.T) {
	for name, cmd := range map[string]string{
		"fat12": "mkfs.vfat -F12 --mbr=n", "fat16": "mkfs.vfat -F16 --mbr=n", "fat32": "mkfs.vfat -F32 --mbr=n",
		"ext4": "mkfs.ext4 -q", "xfs": "mkfs.xfs -q", "btrfs": "mkfs.btrfs -q",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			size := int64(8 * mib)
			if name != "fat12" && name != "ext4" {
				size = 400 * mib
			}
			p := newDisk(t, size)
			args := strings.Fields(cmd)
			run(t, "", args[0], append(args[1:], p)...)
			if got := mustRead(t, p, 0); got.Kind != part.None || len(got.Parts) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}
