package libvirt_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore"
	"vbfs/restore/libvirt"
	"vbfs/restore/machine"
	"vbfs/testdata/lab"
)

// TestNew makes machines of a point beside the one that it is of, and in its place when it is gone.
func TestNew(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	d := h.Domain(lab.Spec{Name: "web01", Off: true, UEFI: true, Disks: []lab.Disk{
		{Target: "vda", Content: random(9 << 20), Size: 64 << 20}, {Target: "vdb", Content: random(3 << 20), Format: "raw"},
	}, Devices: "<interface type='user'><mac address='52:54:00:11:22:33'/></interface>"})
	p := take(t, d, id(), "vda", "vdb")
	vars := read(t, "/usr/share/OVMF/OVMF_VARS_4M.fd")
	p.Point.Disks[1].Source = "raw"
	p.Point.Configs = append(p.Point.Configs, config("nvram", vars))
	touch(t, d.NVRAM()) // later than the point
	pool := filepath.Join(h.Dir, "pool")
	h.Virsh("pool-create-as", "fast", "dir", "--target", pool, "--build")

	made := bring(t, conn, p, libvirt.Options{Name: "web02", Storage: "fast", Verify: true})
	xml := h.Virsh("dumpxml", "web02")
	for _, want := range []string{made.UUID, pool + "/web02-vda.qcow2", pool + "/web02-vdb.raw"} {
		if !strings.Contains(xml, want) {
			t.Errorf("no %s in %s", want, xml)
		}
	}
	if strings.Contains(xml, "52:54:00:11:22:33") || strings.Contains(d.Virsh("dumpxml"), made.UUID) {
		t.Error("the new machine has the machine.IDs of the old one")
	}
	if nvram := filepath.Join(h.Dir, "images", "web02_VARS.fd"); !strings.Contains(xml, nvram) || read(t, nvram) != vars {
		t.Errorf("NVRAM: %s", xml)
	}
	whole(t, p, made)
	if volumes := h.Virsh("vol-list", "fast"); !strings.Contains(volumes, "web02-vda.qcow2") {
		t.Errorf("the pool was not refreshed: %s", volumes)
	}
	if is, was := allocated(t, made.Disks[0].Path, "qcow2"), allocated(t, filepath.Join(h.Dir, "images", "web01-vda.qcow2"), "qcow2"); is > was+256<<10 {
		t.Errorf("%d bytes are allocated, of the source %d", is, was)
	}
	if auto := h.Virsh("dominfo", "web02"); !strings.Contains(auto, "disable") {
		t.Error(auto)
	}

	uuid := strings.TrimSpace(d.Virsh("domuuid"))
	d.Virsh("undefine", "--keep-nvram")
	dir := filepath.Join(h.Dir, "back")
	os.Mkdir(dir, 0o755)
	made = bring(t, conn, p, libvirt.Options{Storage: dir, Format: "raw"})
	whole(t, p, made)
	xml = h.Virsh("dumpxml", "web01")
	if made.UUID != uuid || !strings.Contains(xml, "52:54:00:11:22:33") || made.Disks[0].Format != "raw" {
		t.Errorf("the machine came back as %+v, %s", made, xml)
	}
	if !strings.Contains(xml, dir+"/web01_VARS.fd") || read(t, d.NVRAM()) != "" { // what undefine kept is not replaced
		t.Errorf("NVRAM: %s", xml)
	}
	h.Virsh("start", "web01", "--paused")
	h.Virsh("destroy", "web01")
}

// bring makes a new machine.
func bring(t *testing.T, conn *hyper.Conn, p point, o libvirt.Options) *machine.Result {
	t.Helper()
	made, err := libvirt.New(t.Context(), conn, p.Machine, o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// whole compares all disks with the point.
func whole(t *testing.T, p point, made *machine.Result) {
	t.Helper()
	if len(made.Disks) != len(p.Disks) {
		t.Fatalf("%d disks", len(made.Disks))
	}
	for i, d := range made.Disks {
		holds(t, d.Path, d.Format, p.bytes(i))
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestNewFails at every step: nothing is left, and nothing that was there is touched.
func TestNewFails(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	d := h.Domain(lab.Spec{Name: "web01", Off: true, UEFI: true, Disks: []lab.Disk{{Target: "vda", Content: random(2 << 20)}, {Target: "vdb", Content: random(5 << 20)}}})
	p := take(t, d, id(), "vda", "vdb")
	p.Point.Configs = append(p.Point.Configs, config("nvram", "vars"))
	dir, images := filepath.Join(h.Dir, "new"), filepath.Join(h.Dir, "images")
	os.Mkdir(dir, 0o755)
	os.WriteFile(filepath.Join(h.Dir, "file"), nil, 0o600)
	h.Virsh("pool-define-as", "asleep", "dir", "--target", dir)
	before := listing(t, h, dir, images)
	broken := errors.New("a block is damaged")

	for name, c := range map[string]struct {
		o     libvirt.Options
		spoil func(m *machine.Machine)
		want  error
	}{
		"name taken":     {libvirt.Options{Name: "web01", Storage: dir}, nil, machine.ErrExists},
		"recorded name":  {libvirt.Options{Storage: dir}, nil, machine.ErrExists},
		"UUID taken":     {libvirt.Options{Name: "web02", IDs: machine.KeepIDs, Storage: dir}, nil, machine.ErrExists},
		"no directory":   {libvirt.Options{Name: "web02", Storage: dir + "/none"}, nil, machine.ErrNoStorage},
		"a file":         {libvirt.Options{Name: "web02", Storage: h.Dir + "/file"}, nil, machine.ErrNoStorage},
		"no pool":        {libvirt.Options{Name: "web02", Storage: "slow"}, nil, machine.ErrNoStorage},
		"pool asleep":    {libvirt.Options{Name: "web02", Storage: "asleep"}, nil, machine.ErrNoStorage},
		"nothing named":  {libvirt.Options{Name: "web02"}, nil, machine.ErrNoStorage},
		"file in place":  {libvirt.Options{Name: "web01-", Storage: images}, func(m *machine.Machine) { touch(t, images+"/web01--vdb.qcow2") }, restore.ErrExists},
		"no definition":  {libvirt.Options{Name: "web02", Storage: dir}, func(m *machine.Machine) { m.Point.Configs = nil }, machine.ErrNoDefinition},
		"bad definition": {libvirt.Options{Name: "web02", Storage: dir}, func(m *machine.Machine) { m.Point.Configs[0].Data = []byte("<domain/>") }, machine.ErrBadDefinition},
		"no disk":        {libvirt.Options{Name: "web02", Storage: dir}, func(m *machine.Machine) { m.Disks = nil }, machine.ErrNoDisk},
		"no room": {libvirt.Options{Name: "web02", Storage: dir}, func(m *machine.Machine) {
			m.Disks[0].Amount.Data, m.Disks[1].Amount.Data = 1<<61, 1<<61
		}, restore.ErrNoSpace},
		"damaged image": {libvirt.Options{Name: "web02", Storage: dir}, func(m *machine.Machine) { m.Disks[1].Image = &image{p.bytes(1), broken} }, broken},
		"libvirt refuses": {libvirt.Options{Name: "web02", Storage: dir}, func(m *machine.Machine) {
			m.Point.Configs[0].Data = bytes.ReplaceAll(m.Point.Configs[0].Data, []byte("type='qemu'"), []byte("type='vmware'"))
		}, nil},
		"mismatch": {libvirt.Options{Name: "web02", Storage: dir, Verify: true}, func(m *machine.Machine) {
			m.Disks[0].Image = &fickle{image: image{bytes: p.bytes(0)}}
		}, restore.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			m := p.Machine
			point := *m.Point
			point.Configs = append(point.Configs[:0:0], point.Configs...)
			m.Point, m.Disks = &point, append(m.Disks[:0:0], m.Disks...)
			if c.spoil != nil {
				c.spoil(&m)
			}
			_, err := libvirt.New(t.Context(), conn, m, c.o)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%v", err)
			}
			t.Log(err)
			os.Remove(images + "/web01--vdb.qcow2")
			if after := listing(t, h, dir, images); after != before {
				t.Errorf("%s\nbefore it was\n%s", after, before)
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		for _, after := range []int{1, 3, 8} {
			ctx, cancel := context.WithCancel(t.Context())
			m := p.Machine
			m.Disks = append(m.Disks[:0:0], m.Disks...)
			m.Disks[1].Image = &fickle{image: image{bytes: p.bytes(1)}, at: after, then: cancel}
			if _, err := libvirt.New(ctx, conn, m, libvirt.Options{Name: "web02", Storage: dir, Verify: true}); !errors.Is(err, context.Canceled) {
				t.Errorf("after %d reads: %v", after, err)
			}
			if after := listing(t, h, dir, images); after != before {
				t.Errorf("%s\nbefore it was\n%s", after, before)
			}
		}
	})
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
