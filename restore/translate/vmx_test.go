package translate

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

func description(label string) types.BaseDescription { return &types.Description{Label: label} }

// full is a machine with one of everything.
func full() *types.VirtualMachineConfigInfo {
	cores, vol, on := int32(2), int64(1000), true
	c := &types.VirtualMachineConfigInfo{
		Name: `web "01"`, Uuid: "564d1234-5678-9abc-def0-123456789abc", InstanceUuid: "5012aaaa-bbbb-cccc-dddd-eeeeffff0000",
		Version: "vmx-19", GuestId: "debian10_64Guest", Annotation: "two\nlines", Firmware: "efi", CpuHotAddEnabled: &on,
		MemoryAllocation: &types.ResourceAllocationInfo{Reservation: &vol},
		BootOptions: &types.VirtualMachineBootOptions{EfiSecureBootEnabled: &on, BootDelay: 5000, BootOrder: []types.BaseVirtualMachineBootOptionsBootableDevice{
			&types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: 2017}, &types.VirtualMachineBootOptionsBootableEthernetDevice{DeviceKey: 4001},
			&types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: 2000}, &types.VirtualMachineBootOptionsBootableCdromDevice{},
		}},
		ExtraConfig: []types.BaseOptionValue{
			&types.OptionValue{Key: "guestinfo.role", Value: "db"}, &types.OptionValue{Key: "nvram", Value: "old.nvram"},
			&types.OptionValue{Key: "scsi0:0.ctkEnabled", Value: "TRUE"}, &types.OptionValue{Key: "memsize", Value: "1"},
			&types.OptionValue{Key: "ethernet0.pciSlotNumber", Value: "192"}, &types.OptionValue{Key: "bad key", Value: "x"},
		},
	}
	c.Hardware = types.VirtualHardware{NumCPU: 4, NumCoresPerSocket: &cores, MemoryMB: 2048, Device: []types.BaseVirtualDevice{
		&types.VirtualIDEController{VirtualController: controller(200, 0)},
		&types.VirtualIDEController{VirtualController: controller(201, 1)},
		&types.VirtualPCIController{VirtualController: controller(100, 0)},
		&types.VirtualMachineVideoCard{VirtualDevice: device(500, 100, 0), VideoRamSizeInKB: 16384},
		&types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{VirtualController: controller(1000, 0)}},
		&types.VirtualLsiLogicController{VirtualSCSIController: types.VirtualSCSIController{VirtualController: controller(1001, 1), SharedBus: "physicalSharing"}},
		&types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{VirtualController: controller(15000, 0)}},
		&types.VirtualNVMEController{VirtualController: controller(31000, 0)},
		&types.VirtualUSBXHCIController{VirtualController: controller(14000, 0)},
		&types.VirtualCdrom{VirtualDevice: types.VirtualDevice{Key: 3002, ControllerKey: 201, UnitNumber: new(int32), DeviceInfo: description("CD/DVD drive 1"),
			Backing: &types.VirtualCdromIsoBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: "[iso] debian.iso"}}}},
		flat(2000, 1000, 0, "[ds] web01/web01.vmdk", "persistent"),
		flat(2017, 1001, 1, "[ds] web01/web01_1.vmdk", "independent_persistent"),
		flat(16003, 15000, 3, "[ds] web01/web01_2.vmdk", "persistent"),
		flat(32000, 31000, 0, "[ds] web01/web01_3.vmdk", "persistent"),
		flat(3000, 200, 0, "[ds] web01/web01_4.vmdk", "persistent"),
		flat(2001, 1000, 1, "[ds] web01/web01_5.vmdk", "persistent"),
		&types.VirtualE1000e{VirtualEthernetCard: card(4000, "VM Network", "00:50:56:aa:bb:cc")},
		&types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{VirtualDevice: types.VirtualDevice{Key: 4001, DeviceInfo: description("Network adapter 2"),
			Backing: &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{Port: types.DistributedVirtualSwitchPortConnection{PortgroupKey: "dvportgroup-7"}}}}}},
		&types.VirtualSerialPort{VirtualDevice: types.VirtualDevice{Key: 9000, Backing: &types.VirtualSerialPortURIBackingInfo{
			VirtualDeviceURIBackingInfo: types.VirtualDeviceURIBackingInfo{ServiceURI: "telnet://:1234", Direction: "server"}}}},
		&types.VirtualTPM{VirtualDevice: types.VirtualDevice{Key: 11000}},
		&types.VirtualPCIPassthrough{VirtualDevice: types.VirtualDevice{Key: 13000, DeviceInfo: description("PCI device 0")}},
	}}
	return c
}

func flat(key, controller, unit int32, file, mode string) *types.VirtualDisk {
	d := &types.VirtualDisk{VirtualDevice: device(key, controller, unit), CapacityInKB: 1024, CapacityInBytes: 1 << 20}
	d.Backing = &types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: file}, DiskMode: mode, ThinProvisioned: types.NewBool(true)}
	return d
}

func card(key int32, network, mac string) types.VirtualEthernetCard {
	c := types.VirtualEthernetCard{VirtualDevice: types.VirtualDevice{Key: key}, MacAddress: mac, AddressType: "assigned"}
	c.Backing = &types.VirtualEthernetCardNetworkBackingInfo{VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: network}}
	return c
}

func TestVMX(t *testing.T) {
	f, notes := VMX(&Hardware{Config: full()}, Files{NVRAM: "web01.nvram", Disks: map[int32]string{
		2000: "a.vmdk", 2017: "b.vmdk", 16003: "c.vmdk", 32000: "d.vmdk", 3000: "e.vmdk",
	}})
	for key, want := range map[string]string{
		"displayName": `web "01"`, "virtualHW.version": "19", "guestOS": "debian10-64", "annotation": "two\nlines", "firmware": "efi", "nvram": "web01.nvram",
		"uuid.bios": "56 4d 12 34 56 78 9a bc-de f0 12 34 56 78 9a bc", "vc.uuid": "50 12 aa aa bb bb cc cc-dd dd ee ee ff ff 00 00",
		"memSize": "2048", "numvcpus": "4", "cpuid.coresPerSocket": "2", "vcpu.hotadd": "TRUE", "uefi.secureBoot.enabled": "TRUE", "bios.bootDelay": "5000",
		"bios.bootOrder": "hdd,ethernet1,cdrom", "bios.hddOrder": "scsi1:1,scsi0:0",
		"scsi0.virtualDev": "pvscsi", "scsi1.virtualDev": "lsilogic", "scsi1.sharedBus": "physical", "sata0.present": "TRUE", "nvme0.present": "TRUE", "usb_xhci.present": "TRUE",
		"scsi0:0.fileName": "a.vmdk", "scsi1:1.fileName": "b.vmdk", "scsi1:1.mode": "independent-persistent", "sata0:3.fileName": "c.vmdk", "nvme0:0.fileName": "d.vmdk",
		"ide0:0.fileName": "e.vmdk", "ide0:0.deviceType": "ata-hardDisk", "scsi0:0.deviceType": "scsi-hardDisk", "scsi0:0.mode": "",
		"ide1:0.deviceType": "atapi-cdrom", "ide1:0.startConnected": "FALSE", "ide1:0.fileName": "",
		"ethernet0.virtualDev": "e1000e", "ethernet0.networkName": "VM Network", "ethernet0.address": "00:50:56:aa:bb:cc", "ethernet0.addressType": "static",
		"ethernet1.virtualDev": "vmxnet3", "ethernet1.addressType": "generated", "ethernet1.networkName": "", "serial0.fileName": "telnet://:1234", "svga.vramSize": "16777216",
		"guestinfo.role": "db", "ethernet0.pciSlotNumber": "192", "scsi0:0.ctkEnabled": "", "scsi0:1.present": "",
	} {
		if got := f.Get(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
	said(t, notes, "reservation or limit of memory", "drive 1 is empty: its medium was [iso] debian.iso", "scsi0-1 (VirtualDisk) is left out", "Network adapter 2 is on no network: it was on port group dvportgroup-7",
		"TPM is left out", "PCI device 0 (VirtualPCIPassthrough) is left out")
}

// said compares notes with what each has to contain.
func said(t *testing.T, notes []string, want ...string) {
	t.Helper()
	if len(notes) != len(want) {
		t.Errorf("%d notes, want %d: %q", len(notes), len(want), notes)
		return
	}
	for i := range notes {
		if !strings.Contains(notes[i], want[i]) {
			t.Errorf("note %q, not %q", notes[i], want[i])
		}
	}
}

func TestGuestIDs(t *testing.T) {
	for id, want := range map[string]string{
		"debian10_64Guest": "debian10-64", "otherGuest64": "other-64", "otherLinux64Guest": "otherlinux-64", "windows9Server64Guest": "windows9srv-64",
		"winNetEnterpriseGuest": "winnetenterprise", "winLonghorn64Guest": "longhorn-64", "dosGuest": "dos", "vmkernel65Guest": "vmkernel65", "ubuntu64Guest": "ubuntu-64",
	} {
		if got := guestToVMX(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
		if got := guestFromVMX(want); got != id {
			t.Errorf("%s: %s, want %s", want, got, id)
		}
	}
	if guestFromVMX("none") != "" {
		t.Error("none is a guest")
	}
	all := map[string]types.VirtualMachineGuestOsIdentifier{}
	for _, id := range types.VirtualMachineGuestOsIdentifier("").Values() {
		if other, twice := all[guestToVMX(string(id))]; twice {
			t.Errorf("%s and %s are one", id, other)
		}
		all[guestToVMX(string(id))] = id
	}
}
