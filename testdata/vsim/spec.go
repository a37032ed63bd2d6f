package vsim

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// A Spec says what a machine is made of. Its zero value is a running machine without disks.
type Spec struct {
	Name      string // "" is vm
	Folder    string // below the datacenter's machine folder, made if need be: "web/prod"
	Datastore string // of its configuration; "" is the host's first
	Disks     []Disk

	Off         bool // not powered on
	CBT         bool // changed block tracking is enabled; it begins with the power-on, or with the first snapshot
	BIOS        bool // else it is EFI with secure boot
	Annotation  string
	ExtraConfig map[string]string
	SharedBus   bool   // its SCSI controllers are shared between machines: it can have no snapshot
	Tools       string // the family that running VMware Tools tell: "linuxGuest", "windowsGuest"; "": they do not run
	NVRAM       []byte // nil: a few bytes, but nothing if it is off, as it was never on
}

// A Disk is one of a machine's.
type Disk struct {
	Size      int64  // bytes
	Content   []byte // from offset 0 on
	On        string // "scsi" (which "" is), "sata", "nvme" or "ide"; disks of one kind get units from 0 on
	Datastore string // "" is the machine's
	Kind      string // "flat" (which "" is), "sesparse", "rdm" (physical) or "rdmv" (virtual compatibility)
	Mode      string // "" is persistent; independent_persistent, ...
	Thick     bool   // else thin
}

// Add makes a machine.
func (h *Host) Add(s Spec) *Machine {
	h.t.Helper()
	ctx := context.Background()
	if s.Name == "" {
		s.Name = "vm"
	}
	if s.Datastore == "" {
		s.Datastore = h.options.Datastores[0].Name
	}
	folder, err := h.folderFor(ctx, s.Folder)
	h.must(err)
	pool, err := h.admin.finder.ResourcePool(ctx, "*/Resources")
	if err != nil {
		pools, all := h.admin.finder.ResourcePoolList(ctx, "*/Resources")
		h.must(all)
		pool = pools[0]
	}
	config, err := s.config()
	h.must(err)
	task, err := folder.CreateVM(ctx, *config, pool, nil)
	h.must(err)
	info, err := task.WaitForResult(ctx)
	h.must(err)
	m := h.machine(info.Result.(types.ManagedObjectReference))
	h.must(m.fill(s.Disks))
	h.must(m.writeNVRAM(&s))
	m.change(func() error { return nil })
	if !s.Off {
		m.PowerOn()
	}
	if s.Tools != "" {
		m.runTools(s.Tools)
	}
	return m
}

func (m *Machine) runTools(family string) {
	m.h.reg.AtomicUpdate(m.h.context(), m.vm(), []types.PropertyChange{
		{Name: "guest.toolsRunningStatus", Val: string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)},
		{Name: "guest.toolsStatus", Val: types.VirtualMachineToolsStatusToolsOk},
		{Name: "guest.guestFamily", Val: family},
		{Name: "guest.guestState", Val: "running"},
	})
}

// folderFor finds or makes a folder for machines.
func (h *Host) folderFor(ctx context.Context, name string) (*object.Folder, error) {
	folders, err := h.admin.dc.Folders(ctx)
	if err != nil || name == "" {
		return folders.VmFolder, err
	}
	whole := path.Join(folders.VmFolder.InventoryPath, name)
	if f, err := h.admin.finder.Folder(ctx, whole); err == nil {
		return f, nil
	}
	parent := path.Dir(name)
	if parent == "." {
		parent = ""
	}
	above, err := h.folderFor(ctx, parent)
	if err != nil {
		return nil, err
	}
	return above.CreateFolder(ctx, path.Base(name))
}

func (s *Spec) config() (*types.VirtualMachineConfigSpec, error) {
	devices, err := s.devices()
	if err != nil {
		return nil, err
	}
	changes, err := devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if spec := c.GetVirtualDeviceConfigSpec(); spec.FileOperation == "" {
			if _, ok := spec.Device.(*types.VirtualDisk); ok {
				spec.FileOperation = types.VirtualDeviceConfigSpecFileOperationCreate
			}
		}
	}
	config := &types.VirtualMachineConfigSpec{
		Name: s.Name, GuestId: string(types.VirtualMachineGuestOsIdentifierOther5xLinux64Guest), Version: "vmx-19",
		NumCPUs: 2, MemoryMB: 1024, Annotation: s.Annotation, InstanceUuid: newUUID(), Uuid: newUUID(),
		Files: &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[%s]", s.Datastore)}, DeviceChange: changes,
		Firmware:    string(types.GuestOsDescriptorFirmwareTypeEfi),
		BootOptions: &types.VirtualMachineBootOptions{EfiSecureBootEnabled: types.NewBool(true)},
	}
	if s.BIOS {
		config.Firmware, config.BootOptions = string(types.GuestOsDescriptorFirmwareTypeBios), nil
	}
	if s.CBT {
		config.ChangeTrackingEnabled = types.NewBool(true)
	}
	for _, key := range sortedKeys(s.ExtraConfig) {
		config.ExtraConfig = append(config.ExtraConfig, &types.OptionValue{Key: key, Value: s.ExtraConfig[key]})
	}
	return config, nil
}

// devices are a network card, the controllers, and the disks on them.
func (s *Spec) devices() (object.VirtualDeviceList, error) {
	list := object.VirtualDeviceList{&types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{
		VirtualDevice: types.VirtualDevice{Key: -1, Backing: &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "VM Network"}}},
		AddressType: string(types.VirtualEthernetCardMacTypeGenerated)}}}}
	controllers, units := make(map[string]types.BaseVirtualController), make(map[string]int32)
	for i, d := range s.Disks {
		if d.On == "" {
			d.On = "scsi"
		}
		c := controllers[d.On]
		if c == nil {
			c = s.controller(d.On, int32(-100-len(controllers)))
			controllers[d.On] = c
			list = append(list, c.(types.BaseVirtualDevice))
		}
		if d.On == "scsi" && units[d.On] == 7 { // the controller's own
			units[d.On]++
		}
		unit := units[d.On]
		units[d.On]++
		list = append(list, d.device(s, int32(-200-i), c.GetVirtualController().Key, unit))
	}
	return list, nil
}

func (s *Spec) controller(kind string, key int32) types.BaseVirtualController {
	base := types.VirtualController{VirtualDevice: types.VirtualDevice{Key: key}}
	switch kind {
	case "sata":
		return &types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{VirtualController: base}}
	case "nvme":
		return &types.VirtualNVMEController{VirtualController: base}
	case "ide":
		base.Key = 200 // it is there from the beginning
		return &types.VirtualIDEController{VirtualController: base}
	}
	c := &types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{VirtualController: base,
		SharedBus: types.VirtualSCSISharingNoSharing, ScsiCtlrUnitNumber: 7}}
	if s.SharedBus {
		c.SharedBus = types.VirtualSCSISharingPhysicalSharing
	}
	return c
}

// device is a disk whose descriptor does not exist yet.
func (d *Disk) device(s *Spec, key, controller, unit int32) *types.VirtualDisk {
	ds, mode := d.Datastore, d.Mode
	if ds == "" {
		ds = s.Datastore
	}
	if mode == "" {
		mode = string(types.VirtualDiskModePersistent)
	}
	file := types.VirtualDeviceFileBackingInfo{FileName: fmt.Sprintf("[%s]", ds)}
	dev := &types.VirtualDisk{VirtualDevice: types.VirtualDevice{Key: key, ControllerKey: controller, UnitNumber: &unit},
		CapacityInBytes: d.Size, CapacityInKB: d.Size >> 10}
	switch d.Kind {
	case "sesparse":
		dev.Backing = &types.VirtualDiskSeSparseBackingInfo{VirtualDeviceFileBackingInfo: file, DiskMode: mode, Uuid: newUUID()}
	case "rdm", "rdmv":
		b := &types.VirtualDiskRawDiskMappingVer1BackingInfo{VirtualDeviceFileBackingInfo: file, DiskMode: mode, Uuid: newUUID(),
			LunUuid: "0200000000" + newUUID()[:8], DeviceName: "vml." + newUUID(), CompatibilityMode: string(types.VirtualDiskCompatibilityModePhysicalMode)}
		if d.Kind == "rdmv" {
			b.CompatibilityMode = string(types.VirtualDiskCompatibilityModeVirtualMode)
		}
		dev.Backing = b
	default:
		dev.Backing = &types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file, DiskMode: mode, Uuid: newUUID(),
			ThinProvisioned: types.NewBool(!d.Thick)}
	}
	return dev
}

// fill writes the contents of new disks, before anything is tracked.
func (m *Machine) fill(disks []Disk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, key := range sortedKeys(m.disks) {
		if d := m.disks[key]; len(disks[i].Content) > 0 {
			if err := d.now.writeAt(disks[i].Content, 0, d.size); err != nil {
				return err
			}
		}
	}
	return nil
}

// NVRAM is the name of its file, "[fast] vm/vm.nvram", which may not exist.
func (m *Machine) NVRAM() string { return strings.TrimSuffix(m.vmx(), ".vmx") + ".nvram" }

func (m *Machine) writeNVRAM(s *Spec) error {
	p, err := m.h.path(m.NVRAM())
	if err != nil {
		return err
	}
	if s.NVRAM == nil && s.Off {
		return os.Remove(p)
	}
	if s.NVRAM == nil {
		s.NVRAM = []byte("MRVN of " + s.Name)
	}
	return os.WriteFile(p, s.NVRAM, 0o600)
}
