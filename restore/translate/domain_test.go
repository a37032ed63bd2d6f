package translate

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/restore/machine"
)

var between = regexp.MustCompile(`>\s+`)

// domainOf gives the translation of a recorded machine, as one line.
func domainOf(t *testing.T, c *types.VirtualMachineConfigInfo, disks ...string) (*Guest, string) {
	t.Helper()
	g, err := Domain(pointOf("vsphere-config", vimJSON(t, c), disks...))
	if err != nil {
		t.Fatal(err)
	}
	xml, err := g.Domain.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return g, strings.NewReplacer(`"`, "'").Replace(between.ReplaceAllString(xml, ">"))
}

// TestDomain has one of everything, with Secure Boot, for Windows.
func TestDomain(t *testing.T) {
	c := full()
	c.GuestId = "windows9Server64Guest"
	g, xml := domainOf(t, c, "scsi0-0", "scsi1-1", "sata0-3", "nvme0-0", "ide0-0")
	if want := (map[string]string{"scsi0-0": "sda", "scsi1-1": "sdc", "ide0-0": "sdd", "sata0-3": "sdf", "nvme0-0": "sdg"}); !maps.Equal(g.Disks, want) {
		t.Errorf("%v", g.Disks)
	}
	for _, want := range []string{
		"<domain type='kvm'>", "<uuid>564d1234-5678-9abc-def0-123456789abc", "<description>two&#xA;lines", "<memory unit='MiB'>2048", "<vcpu>4<", "<topology sockets='2' cores='2' threads='1'>",
		"<os firmware='efi'><type arch='x86_64' machine='q35'>", "<feature enabled='yes' name='secure-boot'>", "<smm state='on'>", "<bootmenu enable='yes' timeout='5000'>",
		"<clock offset='localtime'>", "name='hypervclock'", "<relaxed state='on'>",
		drives("disk", "sda", "scsi", 3, 0, 0, 0, 0), drives("disk", "sdb", "scsi", 5, 0, 0, 1, 0), drives("disk", "sdc", "sata", 1, 0, 0, 0, 0),
		drives("disk", "sdd", "sata", 6, 0, 0, 0, 1), drives("cdrom", "sde", "sata", 4, 0, 0, 0, 2), drives("disk", "sdf", "sata", 7, 0, 0, 0, 3), drives("disk", "sdg", "sata", 8, 0, 0, 0, 4),
		"<controller type='scsi' index='0' model='vmpvscsi'>", "<controller type='sata' index='0'>", "model='qemu-xhci'",
		"<interface type='network'><mac address='00:50:56:aa:bb:cc'></mac><source network='VM Network'></source><model type='e1000e'>",
		"<source network='default'></source><boot order='2'></boot><model type='vmxnet3'>",
		"<serial type='tcp'><source mode='bind' host='0.0.0.0' service='1234'></source><protocol type='telnet'>", "<tpm model='tpm-crb'>", "<listen type='socket'>",
	} {
		if !strings.Contains(xml, want) {
			t.Errorf("no %s in %s", want, xml)
		}
	}
	said(t, g.Notes, "LSI Logic Parallel controller are on SATA", "sdc was shared", "IDE drives are on SATA", "sde is empty: its medium was [iso] debian.iso", "NVMe disks are on SATA",
		"Network adapter 2 was on port group dvportgroup-7", "TPM is a new one", "PCI device 0", "cannot be added while it runs", "reservations and limits", "guestinfo.role, memsize, bad key")
	g.Emulated()
	if xml, _ := g.Domain.Marshal(); strings.Contains(xml, "kvm") || strings.Contains(xml, "host-model") || strings.Contains(xml, "hyperv") {
		t.Errorf("%s", xml)
	}
}

// drives is a drive in a definition.
func drives(device, dev, bus string, boot, controller, on, target, unit int) string {
	driver, readonly := "<driver name='qemu' discard='unmap'>", ""
	if device == "cdrom" {
		driver, readonly = "<driver name='qemu'>", "<readonly></readonly>"
	}
	if bus == "scsi" {
		target, unit = target+unit, 0
	}
	return fmt.Sprintf("<disk device='%s'>%s</driver><target dev='%s' bus='%s'></target>%s<boot order='%d'></boot><address type='drive' controller='%d' bus='%d' target='%d' unit='%d'>",
		device, driver, dev, bus, readonly, boot, controller, on, target, unit)
}

// TestDrives plugs disks where they can be started from.
func TestDrives(t *testing.T) {
	scsi := func(bus int32) types.VirtualSCSIController {
		return types.VirtualSCSIController{VirtualController: controller(1000+bus, bus)}
	}
	ide := []types.BaseVirtualDevice{&types.VirtualIDEController{VirtualController: controller(200, 0)}, &types.VirtualIDEController{VirtualController: controller(201, 1)}}
	cdrom := &types.VirtualCdrom{VirtualDevice: device(3002, 201, 0)}
	for name, c := range map[string]struct {
		devices []types.BaseVirtualDevice
		want    string // place=target@controller:bus:target:unit, in order
		models  string
	}{
		"lsilogic on IDE, beside its CD-ROM drive": {append(ide, &types.VirtualLsiLogicController{VirtualSCSIController: scsi(0)}, flat(2000, 1000, 0, "", ""), cdrom, flat(2001, 1000, 1, "", ""), flat(2002, 1000, 2, "", "")),
			"hda@0:0:0:0 hdb@0:0:0:1 hdc@0:1:0:1 hdd@0:1:0:0", "ide:"},
		"lsilogic on SATA, as there is no room": {append(ide, &types.VirtualLsiLogicController{VirtualSCSIController: scsi(0)}, flat(2000, 1000, 0, "", ""), cdrom, flat(2001, 1000, 1, "", ""), flat(2002, 1000, 2, "", ""), flat(2003, 1000, 3, "", "")),
			"sda@0:0:0:0 sdb@0:0:0:1 sdc@0:0:0:2 sdd@0:0:0:3 hda@0:1:0:0", "ide: sata:"},
		"buslogic": {append(ide, &types.VirtualBusLogicController{VirtualSCSIController: scsi(0)}, flat(2003, 1000, 3, "", "")), "hda@0:0:0:0", "ide:"},
		"SAS has eight targets": {[]types.BaseVirtualDevice{&types.VirtualLsiLogicSASController{VirtualSCSIController: scsi(0)}, &types.ParaVirtualSCSIController{VirtualSCSIController: scsi(3)},
			flat(2003, 1000, 3, "", ""), flat(2012, 1000, 12, "", ""), flat(2050, 1003, 2, "", "")}, "sda@0:0:0:3 sdb@0:0:0:0 sdc@1:0:2:0", "scsi:lsisas1068 scsi:vmpvscsi"},
		"SATA has six ports": {[]types.BaseVirtualDevice{&types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{VirtualController: controller(15000, 0)}}, &types.VirtualNVMEController{VirtualController: controller(31000, 0)},
			flat(16000, 15000, 5, "", ""), flat(16001, 15000, 29, "", ""), flat(32000, 31000, 0, "", "")}, "sda@0:0:0:5 sdb@0:0:0:0 sdc@0:0:0:1", "sata:"},
		"no controller": {[]types.BaseVirtualDevice{flat(2000, 1000, 0, "", "")}, "sda@0:0:0:0", "sata:"},
		"nonsense":      {[]types.BaseVirtualDevice{&types.ParaVirtualSCSIController{VirtualSCSIController: scsi(-5)}, flat(2000, 995, -1, "", ""), flat(2001, 995, 1<<30, "", "")}, "sda@0:0:0:0 sdb@0:0:1:0", "scsi:vmpvscsi"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &types.VirtualMachineConfigInfo{Name: "web01", Uuid: "564d1234-5678-9abc-def0-123456789abc"}
			m.Hardware.Device = c.devices
			g, _ := domainOf(t, m)
			var got, models []string
			for _, d := range g.Domain.Devices.Disks {
				a := d.Address.Drive
				got = append(got, fmt.Sprintf("%s@%d:%d:%d:%d", d.Target.Dev, *a.Controller, *a.Bus, *a.Target, *a.Unit))
			}
			for _, c := range g.Domain.Devices.Controllers {
				models = append(models, c.Type+":"+c.Model)
			}
			if got := strings.Join(got, " "); got != c.want || strings.Join(models, " ") != c.models {
				t.Errorf("%s on %s, want %s on %s", got, models, c.want, c.models)
			}
		})
	}
}

// TestDomainOfLittle: what little is recorded is enough, and what libvirt does not take is changed.
func TestDomainOfLittle(t *testing.T) {
	g, xml := domainOf(t, &types.VirtualMachineConfigInfo{Name: "a%2fb\n%25"})
	if !strings.Contains(xml, "<name>a_b_%</name><uuid>00000000-0000-0000-0000-000000000000") || !strings.Contains(xml, "machine='pc'") || !strings.Contains(xml, "<clock offset='utc'") {
		t.Errorf("%s", xml)
	}
	said(t, g.Notes, "it had no UUID", `it was called "a/b\n%"`)
	if _, err := Domain(pointOf("vsphere-config", vimJSON(t, full()), "scsi0-0", "scsi0-9")); !errors.Is(err, machine.ErrBadDefinition) {
		t.Errorf("%v", err)
	}
}
