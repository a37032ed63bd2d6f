package vmware_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/targettest"
	"vbfs/testdata/vsim"
)

// A source is a machine of a vCenter's, as a point has it.
type source struct {
	machine.Machine
	want map[string][]byte // by disk
}

var nvram = []byte("what the firmware keeps")

// newSource adds a machine with two disks, which its point has.
func newSource(t *testing.T, h *vsim.Host, name string) *source {
	t.Helper()
	m := h.Add(vsim.Spec{Name: name, Off: true, Annotation: "kept <for> \"years\"", Disks: []vsim.Disk{{Size: 5 << 20}, {Size: 3<<20 + 512*8}}})
	var o mo.VirtualMachine
	if err := m.Object().Properties(t.Context(), m.Ref(), []string{"config"}, &o); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := types.NewJSONEncoder(&b).Encode(*o.Config); err != nil {
		t.Fatal(err)
	}
	s := pointOf(t, name, map[string]int64{"scsi0-0": 5 << 20, "scsi0-1": 3<<20 + 512*8})
	s.Point.Configs = append(s.Point.Configs, format.ConfigFile{Kind: "vsphere-config", Data: b.Bytes()})
	return s
}

// pointOf is a point with random disks.
func pointOf(t *testing.T, name string, sizes map[string]int64) *source {
	t.Helper()
	s := &source{want: map[string][]byte{}}
	s.Point = &format.Manifest{MachineName: name, Name: "2026-11-20T20-03-27Z", Configs: []format.ConfigFile{{Kind: "nvram", Name: "nvram", Data: nvram}}}
	for disk := range sizes {
		s.Point.Disks = append(s.Point.Disks, format.Disk{Name: disk, Size: sizes[disk], State: format.DiskOK})
	}
	slices.SortFunc(s.Point.Disks, func(a, b format.Disk) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	for i := range s.Point.Disks {
		d := &s.Point.Disks[i]
		img := targettest.Random(d.Size, rand.New(rand.NewPCG(uint64(i), 31)))
		amount, err := restore.Survey(t.Context(), img)
		if err != nil {
			t.Fatal(err)
		}
		s.Disks = append(s.Disks, machine.Disk{Record: d, Image: img, Amount: amount})
		s.want[d.Name] = img.Bytes
		s.Point.Configs = append(s.Point.Configs, format.ConfigFile{Kind: "vmdk-descriptor", Name: d.Name + ".vmdk", Data: fmt.Appendf(nil,
			"# Disk DescriptorFile\nddb.adapterType = \"lsilogic\"\nddb.uuid = \"60 00 C2 9b %02x\"\nddb.thinProvisioned = \"1\"\n", i)})
	}
	return s
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func holds(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("%s has %q, not %q", dir, got, want)
	}
}

// reads has qemu-img read a disk.
func reads(t *testing.T, path string, want []byte) {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw")
	if out, err := exec.Command("qemu-img", "convert", "-f", "vmdk", "-O", "raw", path, raw).CombinedOutput(); err != nil {
		t.Fatalf("convert: %v: %s", err, out)
	}
	if got := read(t, raw); !bytes.Equal(got, want) {
		t.Errorf("%s is not what the point has", path)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
