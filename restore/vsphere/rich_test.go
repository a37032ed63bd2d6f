package vsphere_test

import (
	"context"
	"os"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
	"vbfs/testdata/vsim"
)

// rich is a machine with some of everything.
func rich(seed uint64) vsim.Spec {
	return vsim.Spec{
		Name: "db & <01>", Folder: "prod/db", CBT: true, Annotation: "line 1\nline 2 <&>",
		ExtraConfig: map[string]string{
			"guestinfo.userdata": "secret & <x>", "disk.EnableUUID": "TRUE", "ethernet0.pciSlotNumber": "192", "uuid.action": "keep",
			"scsi0:0.ctkEnabled": "TRUE", "migrate.hostLog": "x.hlog", "guestinfo.vmtools.versionNumber": "12345", "scsi0:0.redo": "",
		},
		NVRAM: overNoise(seed+9, 8<<10),
		Disks: []vsim.Disk{
			{Size: 4 << 20, Content: overNoise(seed, 3<<20)}, {Size: 1 << 20, Thick: true}, {Size: 2 << 20, Content: overNoise(seed+1, 1<<20), Datastore: "slow disks 7%"},
			{Size: 1 << 20, Content: overNoise(seed+2, 1<<20), On: "sata"}, {Size: 1 << 20, On: "nvme", Content: overNoise(seed+3, 5)},
			{Size: 1 << 20, On: "ide", Content: overNoise(seed+4, 1<<19)},
		},
	}
}

const iso = "[fast] iso/install.iso"

// more is what vsim's specification has no words for.
func more() types.VirtualMachineConfigSpec {
	yes, no, sector := types.NewBool(true), types.NewBool(false), int32(2)
	add := func(d types.BaseVirtualDevice) types.BaseVirtualDeviceConfigSpec {
		return &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: d}
	}
	connect := func(start bool) *types.VirtualDeviceConnectInfo {
		return &types.VirtualDeviceConnectInfo{StartConnected: start, AllowGuestControl: true}
	}
	e1000 := &types.VirtualE1000{}
	e1000.Key, e1000.Backing, e1000.Connectable = -11, &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "VM Network"}}, connect(false)
	e1000.AddressType, e1000.MacAddress, e1000.WakeOnLanEnabled = "manual", "00:50:56:11:22:33", yes
	cd := &types.VirtualCdrom{VirtualDevice: types.VirtualDevice{Key: -12, ControllerKey: 201, UnitNumber: types.NewInt32(0), Connectable: connect(true),
		Backing: &types.VirtualCdromIsoBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: iso}}}}
	floppy := &types.VirtualFloppy{VirtualDevice: types.VirtualDevice{Key: -13, ControllerKey: 400, UnitNumber: types.NewInt32(0), Connectable: connect(false),
		Backing: &types.VirtualFloppyRemoteDeviceBackingInfo{}}}
	serial := &types.VirtualSerialPort{YieldOnPoll: true, VirtualDevice: types.VirtualDevice{Key: -14, ControllerKey: 400, UnitNumber: types.NewInt32(1), Connectable: connect(true),
		Backing: &types.VirtualSerialPortURIBackingInfo{VirtualDeviceURIBackingInfo: types.VirtualDeviceURIBackingInfo{ServiceURI: "telnet://:2000", Direction: "server"}}}}
	usb := &types.VirtualUSBXHCIController{AutoConnectDevices: no}
	usb.Key = -15
	tpm := &types.VirtualTPM{VirtualDevice: types.VirtualDevice{Key: -16}}
	return types.VirtualMachineConfigSpec{
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{add(e1000), add(cd), add(floppy), add(serial), add(usb), add(tpm)},
		NumCPUs:      4, NumCoresPerSocket: &sector, MemoryMB: 2048, CpuHotAddEnabled: yes, MemoryHotAddEnabled: yes, NestedHVEnabled: yes,
		Flags:              &types.VirtualMachineFlagInfo{DiskUuidEnabled: yes, EnableLogging: no},
		PowerOpInfo:        &types.VirtualMachineDefaultPowerOpInfo{PowerOffType: "hard", StandbyAction: "powerOnSuspend"},
		SwapPlacement:      "vmDirectory",
		MaxMksConnections:  7,
		LatencySensitivity: &types.LatencySensitivity{Level: types.LatencySensitivitySensitivityLevelHigh},
		MemoryAllocation:   &types.ResourceAllocationInfo{Reservation: types.NewInt64(128), Shares: &types.SharesInfo{Level: types.SharesLevelHigh}},
		Tools:              &types.ToolsConfigInfo{ToolsUpgradePolicy: "manual", SyncTimeWithHost: yes},
	}
}

// newRichLab also sets an order of booting: the last disk, a card, a drive, the first disk.
func newRichLab(t *testing.T, seed uint64) *newLab {
	t.Helper()
	h := vsim.Start(t, vsim.Options{})
	if err := os.MkdirAll(h.Path("[fast] iso"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Path(iso), []byte("an image"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &newLab{&overLab{t: t, h: h, m: h.Add(rich(seed))}}
	l.reconfigure(more())
	l.reconfigure(l.order())
	l.m.SetAttribute("Owner", "somebody & <others>")
	l.m.SetAttribute("BCK_FVM", "1D")
	l.m.Tag("Tier", "gold")
	return captured(l)
}

func (l *newLab) order() types.VirtualMachineConfigSpec {
	l.t.Helper()
	devices, err := l.m.Object().Device(context.Background())
	if err != nil {
		l.t.Fatal(err)
	}
	disks := hyper.Disks(devices)
	return types.VirtualMachineConfigSpec{BootOptions: &types.VirtualMachineBootOptions{
		BootDelay: 5000, EfiSecureBootEnabled: types.NewBool(true), BootRetryEnabled: types.NewBool(true),
		BootOrder: []types.BaseVirtualMachineBootOptionsBootableDevice{
			&types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: disks[len(disks)-1].Key},
			&types.VirtualMachineBootOptionsBootableEthernetDevice{DeviceKey: spec.Cards(devices)[1].Key},
			&types.VirtualMachineBootOptionsBootableCdromDevice{},
			&types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: disks[0].Key},
		},
	}}
}

// booted is the order of booting of a machine, by places.
func (l *newLab) booted(ref hyper.Ref) (out []string) {
	l.t.Helper()
	c := l.config(ref)
	for _, b := range c.BootOptions.BootOrder {
		key := int32(0)
		switch b := b.(type) {
		case *types.VirtualMachineBootOptionsBootableDiskDevice:
			key = b.DeviceKey
		case *types.VirtualMachineBootOptionsBootableEthernetDevice:
			key = b.DeviceKey
		}
		at := "a drive"
		for _, d := range c.Hardware.Device {
			if d.GetVirtualDevice().Key == key {
				at = placeName(d, c.Hardware.Device)
			}
		}
		out = append(out, at)
	}
	return out
}
