package translate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/index/format"
	"vbfs/restore/machine"
)

func domainXML(os, more, devices string) string {
	return "<domain type='kvm'><name>web01</name><uuid>11111111-2222-3333-4444-555555555555</uuid><memory unit='KiB'>2097152</memory><vcpu>4</vcpu>" +
		"<os><type arch='x86_64' machine='q35'>hvm</type>" + os + "</os>" + more + "<devices>" + devices + "</devices></domain>"
}

func diskXML(dev, bus, more string) string {
	return fmt.Sprintf("<disk type='file' device='disk'><source file='/x/%s'/><target dev='%s' bus='%s'/>%s</disk>", dev, dev, bus, more)
}

// devicesOf lists a machine's devices but for those that all have: drives by their places and the disks' names.
func devicesOf(h *Hardware) string {
	var out []string
	at := places(h.Config)
	for _, d := range h.Config.Hardware.Device {
		v := d.GetVirtualDevice()
		text := strings.TrimPrefix(class(d), "Virtual")
		if implied(d) || text == "MachineVideoCard" {
			continue
		}
		if p, ok := at[v.Key]; ok {
			text = p.String()
			for name, key := range h.Disks {
				if key == v.Key {
					text += "=" + name
				}
			}
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestFromDomain(t *testing.T) {
	const windows = "<features><hyperv><relaxed state='on'/></hyperv></features>"
	pvscsi := "<controller type='scsi' index='0' model='vmpvscsi'/><controller type='scsi' index='1' model='virtio-scsi'/><controller type='scsi' index='2' model='lsisas1068'/>"
	at := func(c, bus, target, unit int) string {
		return fmt.Sprintf("<address type='drive' controller='%d' bus='%d' target='%d' unit='%d'/>", c, bus, target, unit)
	}
	for name, c := range map[string]struct {
		os, more, devices string
		disks             []string
		want              string
		notes             []string
	}{
		"virtio": {devices: diskXML("vda", "virtio", "") + diskXML("vdb", "virtio", "") + "<disk device='cdrom'><target dev='sda' bus='sata'/></disk>" +
			"<interface type='network'><mac address='52:54:00:01:02:03'/><source network='lan'/><model type='virtio'/></interface>",
			disks: []string{"vda", "vdb"}, want: "ParaVirtualSCSIController scsi0-0=vda scsi0-1=vdb AHCIController sata0-0 Vmxnet3",
			notes: []string{"virtio are on a PVSCSI controller", "network card 0 was of the model virtio, and is a vmxnet3"}},
		"virtio of Windows": {more: windows, devices: diskXML("vda", "virtio", "") + "<interface type='bridge'><source bridge='br0'/><model type='virtio-non-transitional'/></interface>",
			disks: []string{"vda"}, want: "LsiLogicSASController scsi0-0=vda E1000e", notes: []string{"LSI Logic SAS controller, whose driver Windows has", "is a e1000e"}},
		"all SCSI": {devices: diskXML("sda", "scsi", at(0, 0, 3, 0)) + diskXML("sdb", "scsi", at(1, 0, 0, 0)) + diskXML("sdc", "scsi", at(2, 0, 0, 5)) + diskXML("sdd", "scsi", at(0, 0, 7, 0)) + pvscsi,
			disks: []string{"sda", "sdb", "sdc", "sdd"}, want: "ParaVirtualSCSIController scsi0-3=sda ParaVirtualSCSIController scsi1-0=sdb LsiLogicSASController scsi2-5=sdc scsi0-0=sdd",
			notes: []string{"its disks on scsi are on a PVSCSI controller"}},
		"IDE and SATA": {devices: diskXML("hda", "ide", at(0, 0, 0, 0)) + diskXML("hdb", "ide", at(0, 1, 0, 1)) + "<disk device='cdrom'><source file='/iso/x'/><target dev='hdc' bus='ide'/>" + at(0, 1, 0, 0) + "</disk>" +
			diskXML("sda", "sata", at(0, 0, 0, 4)) + diskXML("sdb", "sata", at(1, 0, 0, 0)), disks: []string{"hda", "hdb", "sda", "sdb"},
			want: "ide0-0=hda ide1-1=hdb ide1-0 AHCIController sata0-4=sda AHCIController sata1-0=sdb", notes: []string{"ide1-0 is empty: its medium was /iso/x"}},
		"not in the point": {devices: diskXML("vda", "virtio", "") + diskXML("vdb", "virtio", "") + "<disk device='floppy'><target dev='fda' bus='fdc'/></disk>", disks: []string{"vdb"},
			want: "ParaVirtualSCSIController scsi0-0=vdb", notes: []string{"vda is left out", "PVSCSI", "floppy drive fda"}},
		"more of a disk": {devices: diskXML("vda", "virtio", "<readonly/><shareable/><serial>S1</serial><iotune><total_iops_sec>1</total_iops_sec></iotune>"), disks: []string{"vda"},
			want: "ParaVirtualSCSIController scsi0-0=vda", notes: []string{"PVSCSI", "vda was read-only", "vda was shared", "vda has no limits", "vda had a serial number"}},
		"models of cards": {devices: "<interface type='network'><source network='a'/><model type='e1000'/></interface><interface type='network'><source network='a'/><model type='vmxnet3'/></interface>" +
			"<interface type='direct'><source dev='eth0'/><model type='pcnet'/></interface><interface type='user'><model type='rtl8139'/><link state='down'/><mtu size='9000'/></interface>",
			want: "E1000 Vmxnet3 PCNet32 E1000", notes: []string{"network card 3 was on no network", "rtl8139, and is a e1000", "MTU is left out"}},
		"the rest": {os: "<kernel>/boot/k</kernel>", more: "<cputune><shares>5</shares></cputune><clock offset='localtime'/><sysinfo type='smbios'><system><entry name='serial'>7</entry></system></sysinfo>",
			devices: "<controller type='usb' model='qemu-xhci'/><controller type='usb' index='1' model='piix3-uhci'/><sound model='ich9'/><serial type='pty'/><serial type='tcp'><source mode='bind' host='0.0.0.0' service='99'/><protocol type='telnet'/></serial>" +
				"<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>" +
				"<watchdog model='i6300esb' action='reset'/><filesystem type='mount'><source dir='/a'/><target dir='b'/></filesystem><hostdev mode='subsystem' type='usb'><source><vendor id='1'/><product id='2'/></source></hostdev>",
			want: "USBXHCIController USBController HdAudioCard SerialPort", notes: []string{"serial port 0", "TPM", "kernel by its host", "local time", "SMBIOS", "share their host", "devices of its host", "directories", "random", "watchdog", "channels"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := Config(pointOf("libvirt-domain", []byte(domainXML(c.os, c.more, c.devices)), c.disks...))
			if err != nil {
				t.Fatal(err)
			}
			if got := devicesOf(h); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			said(t, h.Notes, c.notes...)
			for _, d := range h.Config.Hardware.Device {
				if d, ok := d.(*types.VirtualDisk); ok && d.CapacityInBytes != 1<<20 {
					t.Errorf("%+v", d)
				}
			}
		})
	}
}

// TestFromDomainGeneral: what is not a device.
func TestFromDomainGeneral(t *testing.T) {
	xml := domainXML("<loader readonly='yes' secure='yes' type='pflash'>/x</loader><boot dev='network'/><boot dev='hd'/>",
		"<title>Shop</title><description>of web</description><metadata><libosinfo:libosinfo xmlns:libosinfo='x'><libosinfo:os id='http://debian.org/debian/12'/></libosinfo:libosinfo></metadata>"+
			"<cpu><topology sockets='2' cores='2' threads='1'/></cpu>", diskXML("vda", "virtio", "")+diskXML("vdb", "virtio", "")+"<interface type='network'><source network='a'/><model type='e1000'/></interface>")
	h, err := Config(pointOf("libvirt-domain", []byte(xml), "vda", "vdb"))
	if err != nil {
		t.Fatal(err)
	}
	c := h.Config
	if c.Name != "web01" || c.Uuid != "11111111-2222-3333-4444-555555555555" || c.Annotation != "Shop\nof web" || c.GuestId != "debian10_64Guest" || c.Firmware != "efi" || !isTrue(c.BootOptions.EfiSecureBootEnabled) ||
		c.Hardware.MemoryMB != 2048 || c.Hardware.NumCPU != 4 || *c.Hardware.NumCoresPerSocket != 2 || c.Version != "" || c.InstanceUuid != "" {
		t.Errorf("%+v", c)
	}
	var order []int32
	for _, b := range c.BootOptions.BootOrder {
		switch b := b.(type) {
		case *types.VirtualMachineBootOptionsBootableDiskDevice:
			order = append(order, b.DeviceKey)
		case *types.VirtualMachineBootOptionsBootableEthernetDevice:
			order = append(order, b.DeviceKey)
		}
	}
	if !slices.Equal(order, []int32{4000, h.Disks["vda"], h.Disks["vdb"]}) {
		t.Errorf("%v of %v", order, h.Disks)
	}
	m := pointOf("libvirt-domain", []byte(domainXML("", "", diskXML("vda", "virtio", ""))), "vda", "vdb")
	m.Point.Configs = append(m.Point.Configs, format.ConfigFile{Kind: "libvirt-domain-live", Data: []byte(domainXML("", "", diskXML("vda", "virtio", "")+diskXML("vdb", "virtio", "")+diskXML("vdc", "virtio", "")))})
	if h, err = Config(m); err != nil || devicesOf(h) != "ParaVirtualSCSIController scsi0-0=vda scsi0-1=vdb" {
		t.Errorf("%v: %s", err, devicesOf(h))
	}
	for _, bad := range []string{"<domain", "<domain/>", "<domain><name>x</name><devices/></domain>", strings.Replace(domainXML("", "", ""), "2097152", "0", 1),
		strings.Replace(domainXML("", "", ""), "x86_64", "aarch64", 1), strings.Replace(domainXML("", "", ""), ">4<", ">4000000000<", 1)} {
		if _, err := Config(pointOf("libvirt-domain", []byte(bad))); !errors.Is(err, machine.ErrBadDefinition) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestThereAndBack: what both know of a machine comes through vSphere's words and back.
func TestThereAndBack(t *testing.T) {
	c := full()
	c.ExtraConfig, c.GuestId = nil, "otherGuest64"
	names := []string{"scsi0-0", "scsi0-1", "scsi1-1", "sata0-3", "nvme0-0", "ide0-0"}
	g, first := domainOf(t, c, names...)
	xml, err := g.Domain.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, name := range names {
		targets = append(targets, g.Disks[name])
	}
	back, err := Domain(pointOf("libvirt-domain", []byte(xml), targets...))
	if err != nil {
		t.Fatal(err)
	}
	for name, dev := range back.Disks {
		if name != dev {
			t.Errorf("%s became %s", name, dev)
		}
	}
	back.Domain.OS.BootMenu, back.Domain.Devices.TPMs = g.Domain.OS.BootMenu, g.Domain.Devices.TPMs // which are not kept, and a note says so
	again, _ := back.Domain.Marshal()
	if again := strings.NewReplacer(`"`, "'").Replace(between.ReplaceAllString(again, ">")); again != first {
		t.Errorf("%s\nwas\n%s\n%q", again, first, back.Notes)
	}
}
