package libvirt_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/libvirt"
	"vbfs/restore/machine"
	"vbfs/testdata/lab"
)

// foreign is a point of a machine that vSphere ran, with disks of these contents.
func foreign(t *testing.T, c *types.VirtualMachineConfigInfo, disks map[string][]byte) point {
	t.Helper()
	var b bytes.Buffer
	if err := types.NewJSONEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	m := &format.Manifest{Point: id(), Machine: id(), MachineName: c.Name, Name: "2026-11-20T20-03-27Z", Configs: []format.ConfigFile{
		config("vsphere-config", b.String()), config("nvram", "VMware's"),
	}}
	for name, content := range disks {
		m.Disks = append(m.Disks, format.Disk{Name: name, Size: int64(len(content)), State: format.DiskOK, Tracking: "52 3b/7"})
	}
	p := point{machine.Machine{Repository: id(), Point: m}}
	for i := range m.Disks {
		img := &image{bytes: disks[m.Disks[i].Name]}
		amount, err := restore.Survey(t.Context(), img)
		if err != nil {
			t.Fatal(err)
		}
		p.Disks = append(p.Disks, machine.Disk{Record: &m.Disks[i], Image: img, Amount: amount})
	}
	return p
}

// TestNewForeign makes machines that vSphere ran on every controller and firmware, and starts them.
func TestNewForeign(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	for _, c := range []struct {
		name       string
		controller types.BaseVirtualDevice
		firmware   string // efi starts only what is in FAT, so that it is but begun
		notes      []string
	}{
		{"pvscsi", &types.ParaVirtualSCSIController{VirtualSCSIController: scsi()}, "bios", []string{"scsi0-0 sda, scsi0-63 sdb"}},
		{"sas", &types.VirtualLsiLogicSASController{VirtualSCSIController: scsi()}, "bios", []string{"scsi0-0 sda, scsi0-63 sdb"}},
		{"lsi", &types.VirtualLsiLogicController{VirtualSCSIController: scsi()}, "bios", []string{"are on IDE", "scsi0-0 hda, scsi0-63 hdb"}},
		{"pvscsi-efi", &types.ParaVirtualSCSIController{VirtualSCSIController: scsi()}, "efi", []string{"begins with an empty NVRAM"}},
		{"lsi-secure", &types.VirtualLsiLogicController{VirtualSCSIController: scsi()}, "secure", []string{"are on SATA", "scsi0-0 sda, scsi0-63 sdb", "IDE drives are on SATA"}},
	} {
		dir := filepath.Join(h.Dir, c.name)
		os.Mkdir(dir, 0o755)
		content := random(2 << 20)
		copy(content, lab.BootSector(c.name+" is up"))
		p := foreign(t, recordedAs(c.controller, c.firmware), map[string][]byte{"scsi0-0": content, "scsi0-63": random(1 << 20)})
		made := bring(t, conn, p, libvirt.Options{Name: c.name, Storage: dir, Verify: true})
		whole(t, p, made)
		if made.Disks[0].Name != p.Disks[0].Record.Name || !strings.HasPrefix(made.Disks[0].Path, dir+"/"+c.name+"-") {
			t.Errorf("%+v", made.Disks)
		}
		for _, want := range append(c.notes, "virsh console") {
			if !strings.Contains(strings.Join(made.Notes, "\n"), want) {
				t.Errorf("no %q in %q", want, made.Notes)
			}
		}
		if listing := listing(t, h, dir); strings.Contains(listing, "VARS") {
			t.Errorf("VMware's NVRAM is put in the place of QEMU's: %s", listing)
		}
		if c.firmware == "bios" {
			h.Boots(c.name, c.name+" is up")
		} else {
			h.Boots(c.name, "BdsDxe") // OVMF's, and so the firmware that was asked for
		}
	}
}

// TestNewForeignFails leaves nothing, and a point that nobody has described is still one without a definition.
func TestNewForeignFails(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	dir := filepath.Join(h.Dir, "new")
	os.Mkdir(dir, 0o755)
	before := listing(t, h, dir)
	config := recordedAs(&types.ParaVirtualSCSIController{VirtualSCSIController: scsi()}, "bios")
	for name, want := range map[string]error{"scsi0-63": nil, "scsi0-1": machine.ErrBadDefinition, "": machine.ErrNoDefinition} {
		p := foreign(t, config, map[string][]byte{"scsi0-0": random(1 << 20), name: random(1 << 20)})
		switch name {
		case "":
			p.Point.Configs = nil
		case "scsi0-63":
			want = os.ErrInvalid
			p.Disks[0].Image = &image{p.bytes(0), want}
		}
		if _, err := libvirt.New(t.Context(), conn, p.Machine, libvirt.Options{Storage: dir}); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		if after := listing(t, h, dir); after != before {
			t.Errorf("%s\nbefore it was\n%s", after, before)
		}
	}
}

// TestOverForeign puts the disks of a machine that vSphere ran into the one that it became.
func TestOverForeign(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	p := foreign(t, recordedAs(&types.ParaVirtualSCSIController{VirtualSCSIController: scsi()}, "bios"),
		map[string][]byte{"scsi0-0": random(2 << 20), "scsi0-63": random(1 << 20)})
	dir := filepath.Join(h.Dir, "new")
	os.Mkdir(dir, 0o755)
	bring(t, conn, p, libvirt.Options{Storage: dir})
	for i := range p.Disks {
		copy(p.bytes(i)[1000:], "written since") // the point is another one
	}
	for _, o := range []libvirt.Options{{}, {Delta: true, Verify: true}} {
		made, err := libvirt.Over(t.Context(), conn, p.Machine, o)
		if err != nil {
			t.Fatal(err)
		}
		whole(t, p, made)
		if made.Disks[0].Name != p.Disks[0].Record.Name || len(made.Notes) == 0 || !strings.Contains(made.Notes[0], "scsi0-0 sda") {
			t.Errorf("%+v", made)
		}
		p.bytes(0)[5000]++
	}
}

func controller(key, bus int32) types.VirtualController {
	return types.VirtualController{VirtualDevice: types.VirtualDevice{Key: key}, BusNumber: bus}
}

func scsi() types.VirtualSCSIController {
	return types.VirtualSCSIController{VirtualController: controller(1000, 0)}
}

func disk(key, unit int32) *types.VirtualDisk {
	return &types.VirtualDisk{VirtualDevice: types.VirtualDevice{Key: key, ControllerKey: 1000, UnitNumber: &unit}, CapacityInKB: 1024}
}

// recordedAs is a machine of two disks on one controller.
func recordedAs(c types.BaseVirtualDevice, firmware string) *types.VirtualMachineConfigInfo {
	m := &types.VirtualMachineConfigInfo{Name: "web01", Uuid: "564d1234-5678-9abc-def0-123456789abc", Firmware: strings.Replace(firmware, "secure", "efi", 1)}
	if firmware == "secure" {
		m.BootOptions, m.GuestId = &types.VirtualMachineBootOptions{EfiSecureBootEnabled: types.NewBool(true)}, "windows9_64Guest"
	}
	m.Hardware = types.VirtualHardware{NumCPU: 2, MemoryMB: 128, Device: []types.BaseVirtualDevice{
		&types.VirtualIDEController{VirtualController: controller(201, 1)}, c,
		&types.VirtualCdrom{VirtualDevice: types.VirtualDevice{Key: 3002, ControllerKey: 201, UnitNumber: new(int32)}}, disk(2000, 0), disk(2012, 63),
		&types.VirtualMachineVideoCard{}, &types.VirtualHdAudioCard{}, &types.VirtualUSBXHCIController{VirtualController: controller(14000, 0)},
		&types.VirtualUSBController{VirtualController: controller(7000, 0), EhciEnabled: types.NewBool(true)}, &types.VirtualSerialPort{},
	}}
	return m
}
