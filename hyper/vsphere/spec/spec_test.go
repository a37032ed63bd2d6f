package spec_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vsphere/spec"
)

func device(key, controller int32) types.VirtualDevice {
	return types.VirtualDevice{Key: key, ControllerKey: controller, UnitNumber: types.NewInt32(0), DeviceInfo: &types.Description{Label: "the device"}}
}

// machine has one PCI and one SCSI controller, and what else is said.
func machine(devices ...types.BaseVirtualDevice) *types.VirtualMachineConfigInfo {
	c := &types.VirtualMachineConfigInfo{Name: "web01"}
	pci, scsi := &types.VirtualPCIController{}, &types.ParaVirtualSCSIController{}
	pci.Key, scsi.Key, scsi.ControllerKey, scsi.BusNumber = 100, 1000, 100, 2
	scsi.Device = []int32{2000}
	c.Hardware.Device = append([]types.BaseVirtualDevice{pci, scsi}, devices...)
	return c
}

func added(p *spec.Plan) (out []types.BaseVirtualDevice) {
	for _, c := range p.Spec.DeviceChange {
		out = append(out, c.GetVirtualDeviceConfigSpec().Device)
	}
	return out
}

// A device is carried over, implicit, or noted.
func TestEveryDevice(t *testing.T) {
	t.Parallel()
	hdd := &types.VirtualDisk{VirtualDevice: device(2000, 1000)}
	for _, c := range []struct {
		d       types.BaseVirtualDevice
		carried bool
		note    string
	}{
		{&types.VirtualKeyboard{VirtualDevice: device(600, 300)}, false, ""},
		{&types.VirtualPointingDevice{VirtualDevice: device(700, 300)}, false, ""},
		{&types.VirtualMachineVMCIDevice{VirtualDevice: device(12000, 100)}, false, ""},
		{&types.VirtualMachineVideoCard{VirtualDevice: device(500, 100)}, false, ""},
		{&types.VirtualIDEController{VirtualController: types.VirtualController{VirtualDevice: device(200, 0)}}, false, ""},
		{&types.VirtualLsiLogicSASController{VirtualSCSIController: types.VirtualSCSIController{VirtualController: types.VirtualController{VirtualDevice: device(1001, 100)}}}, true, ""},
		{&types.VirtualNVMEController{VirtualController: types.VirtualController{VirtualDevice: device(31000, 100)}}, true, ""},
		{&types.VirtualUSBController{VirtualController: types.VirtualController{VirtualDevice: device(7000, 100)}}, true, ""},
		{&types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{VirtualDevice: device(4000, 100)}}}, true, ""},
		{&types.VirtualHdAudioCard{VirtualSoundCard: types.VirtualSoundCard{VirtualDevice: device(5000, 100)}}, true, ""},
		{&types.VirtualWDT{VirtualDevice: device(18000, 100)}, true, ""},
		{hdd, false, ""},
		{&types.VirtualSriovEthernetCard{VirtualEthernetCard: types.VirtualEthernetCard{VirtualDevice: device(4001, 100)}}, false, "recorded machine's host"},
		{&types.VirtualPCIPassthrough{VirtualDevice: device(13000, 100)}, false, "recorded machine's host"},
		{&types.VirtualUSB{VirtualDevice: device(8000, 100)}, false, "recorded machine's host"},
		{&types.VirtualTPM{VirtualDevice: device(11000, 100)}, false, "BitLocker"},
		{&types.VirtualNVDIMM{VirtualDevice: device(53000, 100)}, false, "persistent memory"},
		{&types.VirtualMachineVMIROM{VirtualDevice: device(9000, 100)}, false, "not known"},
		{&types.VirtualSATAController{VirtualController: types.VirtualController{VirtualDevice: device(15000, 100)}}, true, ""},
		{&types.VirtualController{VirtualDevice: device(90, 100)}, false, "not known"},
		{&types.VirtualCdrom{VirtualDevice: device(3000, 4711)}, false, "so is its controller"},
		{&types.VirtualDisk{VirtualDevice: device(2001, 4711)}, false, "so is its controller"},
		{&types.VirtualSerialPort{VirtualDevice: device(9001, 100)}, false, "host"},
	} {
		p := spec.Make(machine(c.d), spec.Wish{})
		devices := added(p)
		if carried := len(devices) == 2; carried != c.carried || c.note == "" != (p.Notes == nil) || !strings.Contains(strings.Join(p.Notes, ""), c.note) {
			t.Errorf("%T: %d devices, %q", c.d, len(devices), p.Notes)
		}
		if c.carried && (reflect.TypeOf(devices[1]) != reflect.TypeOf(c.d) || devices[1].GetVirtualDevice().Key >= 0 || devices[1].GetVirtualDevice().ControllerKey != 100) {
			t.Errorf("%+v", devices[1])
		}
	}
}

// What the recorded machine alone can have is not carried over; what people set is.
func TestExtraSettings(t *testing.T) {
	t.Parallel()
	c := machine()
	keep := []string{"guestinfo.userdata", "disk.EnableUUID", "ethernet0.pciSlotNumber", "uuid.action", "sched.cpu.latencySensitivity", "svga.present"}
	drop := []string{"nvram", "ctkEnabled", "scsi0:0.ctkEnabled", "sata0:0.redo", "uuid.bios", "vc.uuid", "migrate.hostLog", "guestInfo.vmtools.versionNumber",
		"encryption.keySafe", "sched.swap.derivedName", "viv.moid", "vmotion.checkpointFBSize", "VMXSTATS.filename"}
	for _, k := range append(slices.Clone(keep), drop...) {
		c.ExtraConfig = append(c.ExtraConfig, &types.OptionValue{Key: k, Value: "x"})
	}
	var got []string
	for _, o := range spec.Make(c, spec.Wish{}).Spec.ExtraConfig {
		got = append(got, o.GetOptionValue().Key)
	}
	if !slices.Equal(got, keep) {
		t.Errorf("%q", got)
	}
}

// Cards get new addresses only when the machine is another one.
func TestCardsAddresses(t *testing.T) {
	t.Parallel()
	e := &types.VirtualE1000{VirtualEthernetCard: types.VirtualEthernetCard{VirtualDevice: device(4000, 100), AddressType: "assigned", MacAddress: "00:50:56:00:00:01"}}
	for _, fresh := range []bool{false, true} {
		c := added(spec.Make(machine(e), spec.Wish{Fresh: fresh}))[1].(*types.VirtualE1000)
		if (c.MacAddress == "") != fresh || fresh == (c.AddressType == "assigned") || e.MacAddress == "" {
			t.Errorf("fresh %t: %+v", fresh, c)
		}
	}
}

// A disk comes where it was, on whatever keys the server has given, and is no clone of the old one.
func TestDiskChange(t *testing.T) {
	t.Parallel()
	d := &types.VirtualDisk{VirtualDevice: device(2000, 1000), CapacityInBytes: 512, DiskObjectId: "1-2000"}
	d.Backing = &types.VirtualDiskFlatVer2BackingInfo{DiskMode: "persistent", Uuid: "u", ChangeId: "c", Parent: &types.VirtualDiskFlatVer2BackingInfo{},
		KeyId: &types.CryptoKeyId{KeyId: "k"}, Sharing: "sharingMultiWriter", WriteThrough: types.NewBool(true)}
	p := spec.Make(machine(d), spec.Wish{})
	now := &types.ParaVirtualSCSIController{}
	now.Key, now.BusNumber = 4711, 2
	change, err := p.Disk(spec.DiskWish{Key: 2000, Size: 1 << 20, Format: spec.EagerThick, File: "[x]"}, []types.BaseVirtualDevice{now})
	if err != nil {
		t.Fatal(err)
	}
	made := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk)
	want := &types.VirtualDiskFlatVer2BackingInfo{DiskMode: "persistent", Sharing: "sharingMultiWriter", WriteThrough: types.NewBool(true),
		ThinProvisioned: types.NewBool(false), EagerlyScrub: types.NewBool(true)}
	want.FileName = "[x]"
	if made.ControllerKey != 4711 || *made.UnitNumber != 0 || made.CapacityInBytes != 1<<20 || made.DiskObjectId != "" || !reflect.DeepEqual(made.Backing, want) {
		t.Errorf("%+v %+v", made, made.Backing)
	}
	now.BusNumber = 1
	if _, err := p.Disk(spec.DiskWish{Key: 2000}, []types.BaseVirtualDevice{now}); err == nil {
		t.Error("the disk is on another controller")
	}
}

// The video card is set as it was, when it is not so already.
func TestVideoCard(t *testing.T) {
	t.Parallel()
	p := spec.Make(machine(&types.VirtualMachineVideoCard{VirtualDevice: device(500, 100), VideoRamSizeInKB: 8192, NumDisplays: 2}), spec.Wish{})
	now := &types.VirtualMachineVideoCard{VirtualDevice: device(501, 100), VideoRamSizeInKB: 4096, NumDisplays: 1}
	s := p.Settle([]types.BaseVirtualDevice{now})
	if s == nil || len(s.DeviceChange) != 1 {
		t.Fatalf("%+v", s)
	}
	card := s.DeviceChange[0].GetVirtualDeviceConfigSpec().Device.(*types.VirtualMachineVideoCard)
	if card.Key != 501 || card.VideoRamSizeInKB != 8192 || card.NumDisplays != 2 {
		t.Errorf("%+v", card)
	}
	if p.Settle([]types.BaseVirtualDevice{card}) != nil {
		t.Error("there is nothing to do")
	}
}

// What is not a configuration is refused.
func TestCheck(t *testing.T) {
	t.Parallel()
	many := machine()
	for i := range int32(5000) {
		many.Hardware.Device = append(many.Hardware.Device, &types.VirtualKeyboard{VirtualDevice: device(10000+i, 0)})
	}
	for _, c := range []*types.VirtualMachineConfigInfo{{}, machine(nil), machine(&types.VirtualKeyboard{VirtualDevice: device(100, 0)}), many} {
		if spec.Check(c) == nil {
			t.Errorf("%d devices", len(c.Hardware.Device))
		}
	}
	if err := spec.Check(machine()); err != nil {
		t.Error(err)
	}
}
