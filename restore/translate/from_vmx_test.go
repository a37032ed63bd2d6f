package translate

import (
	"errors"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vmx"
	"vbfs/restore/machine"
)

// TestVMXAgain: a machine written as a .vmx file is read as what it was, and written again the same.
func TestVMXAgain(t *testing.T) {
	files := Files{NVRAM: "web01.nvram", Disks: map[int32]string{2000: "a.vmdk", 2017: "b.vmdk", 16003: "c.vmdk", 32000: "d.vmdk", 3000: "e.vmdk", 2001: "f.vmdk"}}
	first, _ := VMX(&Hardware{Config: full()}, files)
	h, err := Config(pointOf("vmx", first.Marshal(), "scsi0-0", "scsi0-1", "scsi1-1", "sata0-3", "nvme0-0", "ide0-0"))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Disks) != 6 || h.Recorded {
		t.Errorf("%+v", h.Disks)
	}
	said(t, h.Notes)
	c := h.Config
	if c.Uuid != full().Uuid || c.InstanceUuid != full().InstanceUuid || c.Version != "vmx-19" || c.GuestId != "debian10_64Guest" || len(c.ExtraConfig) != 2 {
		t.Errorf("%+v", c)
	}
	named := map[int32]string{}
	for key, p := range places(c) {
		for old, q := range places(full()) {
			if p == q {
				named[key] = files.Disks[old]
			}
		}
		if p.bus == "scsi" && h.Disks[p.String()] != key {
			t.Errorf("%s is %d", p, key)
		}
	}
	for _, d := range c.Hardware.Device {
		if d, ok := d.(*types.VirtualDisk); ok && d.CapacityInBytes != 1<<20 {
			t.Errorf("%+v", d)
		}
	}
	again, _ := VMX(&Hardware{Config: c}, Files{NVRAM: "web01.nvram", Disks: named})
	if got, want := maps.Collect(again.All()), maps.Collect(first.All()); !maps.Equal(got, want) {
		for key := range want {
			if got[key] != want[key] {
				t.Errorf("%s = %q, was %q", key, got[key], want[key])
			}
			delete(got, key)
		}
		t.Errorf("more: %q", got)
	}
}

// TestVMXRead reads what hosts and hands write, and takes no nonsense.
func TestVMXRead(t *testing.T) {
	h, err := Config(pointOf("vmx", []byte(`.encoding = "windows-1252"
displayName = "B`+"\xfc"+`ro"
guestOS = "windows7srv-64"
memsize = "99999999999"
numvcpus = "-1"
scsi0.present = "true"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "a.vmdk"
scsi0:0.mode = "Independent-persistent"
scsi0:0.ctkEnabled = "TRUE"
SCSI9.PRESENT = "TRUE"
scsi9.virtualDev = "quantum"
scsi1:0.present = "TRUE"
scsi1:0.fileName = "lost.vmdk"
ide1:0.present = "TRUE"
ide1:0.deviceType = "cdrom-image"
ide1:0.fileName = "/iso/x.iso"
ide1:7.present = "TRUE"
ethernet0.present = "TRUE"
ethernet0.generatedAddress = "00:0c:29:01:02:03"
ethernet0.virtualDev = "flexible"
ethernet1.present = "FALSE"
serial0.present = "TRUE"
serial0.fileName = "/tmp/x"
vtpm.present = "TRUE"
pciPassthru0.present = "TRUE"
floppy0.present = "FALSE"
guestinfo.x = "1"
guestinfo.x = "2"
`), "scsi0-0"))
	if err != nil {
		t.Fatal(err)
	}
	c := h.Config
	if c.Name != "Büro" || c.GuestId != "windows7Server64Guest" || c.Hardware.MemoryMB != 1024 || c.Hardware.NumCPU != 1 || c.Firmware != "bios" || c.Version != "" || c.Uuid != "" {
		t.Errorf("%+v", c)
	}
	kinds := map[string]int{}
	for _, d := range c.Hardware.Device {
		kinds[class(d)]++
		if d, ok := d.(*types.VirtualDisk); ok && (d.ControllerKey == 1000) != (diskMode(d) == "independent_persistent") {
			t.Errorf("%+v", d)
		}
		if e, ok := d.(*types.VirtualE1000); ok && (e.MacAddress != "00:0c:29:01:02:03" || e.AddressType != "assigned" || !e.Connectable.StartConnected) {
			t.Errorf("%+v", e)
		}
	}
	want := map[string]int{"VirtualPCIController": 1, "VirtualSIOController": 1, "VirtualIDEController": 2, "VirtualLsiLogicController": 3, "VirtualDisk": 2, "VirtualCdrom": 1,
		"VirtualE1000": 1, "VirtualMachineVideoCard": 1, "VirtualTPM": 1}
	if !maps.Equal(kinds, want) || len(c.ExtraConfig) != 1 || c.ExtraConfig[0].GetOptionValue().Value != "2" {
		t.Errorf("%v, %+v", kinds, c.ExtraConfig)
	}
	said(t, h.Notes, "what a quantum is", "scsi1 is not described, and is taken for VirtualLsiLogicController", "ide1-0 is empty: its medium was /iso/x.iso", "ide1-7 is left out", "what a flexible is", "serial port 0", "PCI device 0", "guestinfo.x")
	if _, err := Config(pointOf("vmx", []byte("nonsense"))); !errors.Is(err, machine.ErrBadDefinition) || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("%v", err)
	}
}

// TestVMXNonsense: whatever the values are, and the numbers in keys, it is a machine for libvirt, or an error. (A fuzz target here would
// have to instrument all of govmomi, and try one input in seconds: package hyper/vmx has one for the file itself.)
func TestVMXNonsense(t *testing.T) {
	first, _ := VMX(&Hardware{Config: full()}, Files{Disks: map[int32]string{2000: "a.vmdk", 2017: "b.vmdk", 16003: "c.vmdk", 32000: "d.vmdk"}})
	values := []string{"", "TRUE", "-1", "0", "7", "99999999999999999999", "lsisas1068", "e1000", "|22|00|0A<&>", "efi", "scsi0:0", "hdd,hdd,cdrom", strings.Repeat("x", 5000)}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		f := vmx.New()
		for key, value := range first.All() {
			if r.IntN(4) == 0 {
				value = values[r.IntN(len(values))]
			}
			if r.IntN(8) == 0 {
				key = strings.Map(func(c rune) rune {
					if c >= '0' && c <= '9' {
						return '0' + rune(r.IntN(10))
					}
					return c
				}, key)
			}
			f.Set(key, value)
		}
		g, err := Domain(pointOf("vmx", f.Marshal()))
		if err == nil {
			_, err = g.Domain.Marshal()
		}
		if err != nil && !errors.Is(err, machine.ErrBadDefinition) {
			t.Errorf("%s: %v", f.Marshal(), err)
		}
	}
}
