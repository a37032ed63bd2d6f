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
