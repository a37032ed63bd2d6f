package translate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vmx"
	"vbfs/restore/machine"
)

// A vmxReader takes a .vmx file in.
type vmxReader struct {
	*vmx.File
	*hardware
	used map[string]bool // keys, in lower case, that are understood
}

// fromVMX reads a .vmx file, as of ghettoVCB's backups.
func fromVMX(m machine.Machine) (*Hardware, error) {
	f, err := vmx.Parse(m.Config(kindVMX))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", machine.ErrBadDefinition, err)
	}
	r := &vmxReader{File: f, hardware: newHardware(m), used: map[string]bool{}}
	r.Config.Name = cmp.Or(r.text("displayName"), m.Point.MachineName)
	r.general()
	r.firmware()
	r.controllers()
	r.drives()
	r.cards()
	r.others()
	r.order()
	r.extra()
	if again := f.Repeated(); len(again) > 0 {
		r.note("its .vmx file says more than once what %s is: the last counts", strings.Join(again, ", "))
	}
	r.Hardware.match(m)
	return r.Hardware, nil
}

// text gives a value, and counts its key as understood.
func (r *vmxReader) text(key string) string {
	r.used[strings.ToLower(key)] = true
	return r.Text(key)
}

func (r *vmxReader) is(key string) bool {
	r.used[strings.ToLower(key)] = true
	return r.True(key)
}

// number gives a value between bounds, or another one.
func (r *vmxReader) number(key string, low, high, other int64) int64 {
	r.used[strings.ToLower(key)] = true
	if n, ok := r.Int(key); ok && n >= low && n <= high {
		return n
	}
	return other
}

// Bounds of vSphere 8.0's (Configuration Maximums), so that nonsense stays out.
const (
	maxMemory = 24 << 20 // MiB
	maxCPUs   = 768
)

func (r *vmxReader) general() {
	c := r.Config
	if v := r.number("virtualHW.version", 3, 99, 0); v > 0 {
		c.Version = fmt.Sprintf("vmx-%02d", v)
	}
	c.Annotation, c.AlternateGuestName = r.text("annotation"), r.text("guestOSAltName")
	c.GuestId = cmp.Or(guestFromVMX(r.text("guestOS")), string(types.VirtualMachineGuestOsIdentifierOtherGuest64))
	c.Uuid, c.InstanceUuid = uuidFromVMX(r.text("uuid.bios")), uuidFromVMX(r.text("vc.uuid"))
	c.Hardware.MemoryMB = int32(r.number("memSize", 4, maxMemory, 1024))
	c.Hardware.NumCPU = int32(r.number("numvcpus", 1, maxCPUs, 1))
	cores := int32(r.number("cpuid.coresPerSocket", 1, maxCPUs, 1))
	c.Hardware.NumCoresPerSocket = &cores
	c.CpuHotAddEnabled, c.MemoryHotAddEnabled = types.NewBool(r.is("vcpu.hotadd")), types.NewBool(r.is("mem.hotadd"))
	c.NestedHVEnabled = types.NewBool(r.is("vhv.enable"))
}

func (r *vmxReader) firmware() {
	r.Config.Firmware = string(types.GuestOsDescriptorFirmwareTypeBios)
	if strings.EqualFold(r.text("firmware"), string(types.GuestOsDescriptorFirmwareTypeEfi)) {
		r.Config.Firmware = string(types.GuestOsDescriptorFirmwareTypeEfi)
	}
	r.Config.BootOptions = &types.VirtualMachineBootOptions{
		EfiSecureBootEnabled: types.NewBool(r.is("uefi.secureBoot.enabled")),
		EnterBIOSSetup:       types.NewBool(r.is("bios.forceSetupOnce")),
		BootDelay:            r.number("bios.bootDelay", 0, 10000, 0), // ms, as the API bounds it
	}
}

// keyPattern of what is numbered: a controller or card, or what is plugged into a controller.
var keyPattern = regexp.MustCompile(`^(scsi|sata|ide|nvme|ethernet|serial|pcipassthru|floppy)(\d{1,2})(?::(\d{1,2}))?\.present$`)

// present lists what is there of a kind, by number, or what is plugged in.
func (r *vmxReader) present(kind string, plugged bool) (out []place) {
	for key := range r.All() {
		m := keyPattern.FindStringSubmatch(strings.ToLower(key))
		if m == nil || m[1] != kind || plugged != (m[3] != "") || !r.is(key) {
			continue
		}
		number, _ := strconv.Atoi(m[2]) // digits
		unit, _ := strconv.Atoi("0" + m[3])
		out = append(out, place{kind, int32(number), int32(unit)})
	}
	slices.SortFunc(out, func(a, b place) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.unit, b.unit)) })
	return slices.Compact(out)
}

// model is what a device says that it is: the usual one when it says nothing, or what is unknown.
func (r *vmxReader) model(all []model, at, usual string) (m model, unknown string) {
	name := strings.ToLower(cmp.Or(r.text(at+"virtualDev"), usual))
	called := func(name string) int { return slices.IndexFunc(all, func(m model) bool { return m.vmx == name }) }
	if i := called(name); i >= 0 {
		return all[i], ""
	}
	return all[called(usual)], name
}

// controllers, each with the model that it was.
func (r *vmxReader) controllers() {
	for _, p := range r.present("scsi", false) {
		at := fmt.Sprintf("scsi%d.", p.number)
		m, unknown := r.model(scsiModels, at, "lsilogic")
		if unknown != "" {
			r.note("its controller scsi%d is an LSI Logic Parallel: what a %s is, is not known", p.number, unknown)
		}
		d := m.make()
		c := d.(types.BaseVirtualSCSIController).GetVirtualSCSIController()
		c.SharedBus = types.VirtualSCSISharing(cmp.Or(strings.ToLower(r.text(at+"sharedBus")), "no") + "Sharing")
		if c.SharedBus == "noneSharing" {
			c.SharedBus = types.VirtualSCSISharingNoSharing
		}
		r.controller(d, p)
	}
	for _, p := range r.present("sata", false) {
		r.controller(new(types.VirtualAHCIController), p)
	}
	for _, p := range r.present("nvme", false) {
		r.controller(new(types.VirtualNVMEController), p)
	}
}

// plugged tells whether a drive's controller is there. One that the file forgot is made, for the disk is worth more than its word.
func (r *vmxReader) plugged(p place) bool {
	key := keys[p.bus].controller + p.number
	there := slices.ContainsFunc(r.Config.Hardware.Device, func(d types.BaseVirtualDevice) bool { return d.GetVirtualDevice().Key == key })
	if made := forgotten[p.bus]; !there && made != nil && p.number < maxControllers {
		r.note("its controller %s%d is not described, and is taken for %s", p.bus, p.number, label(made()))
		r.controller(made(), place{bus: p.bus, number: p.number})
	}
	_, ok := r.controllerAt(p)
	return ok
}

// maxControllers of a kind that a machine of VMware's has.
const maxControllers = 4

// forgotten are the controllers that VMware makes when nothing else is said.
var forgotten = map[string]func() types.BaseVirtualDevice{
	"scsi": func() types.BaseVirtualDevice { return new(types.VirtualLsiLogicController) },
	"sata": func() types.BaseVirtualDevice { return new(types.VirtualAHCIController) },
	"nvme": func() types.BaseVirtualDevice { return new(types.VirtualNVMEController) },
}

// drives are disks and CD-ROM drives.
func (r *vmxReader) drives() {
	for _, kind := range []string{"scsi", "sata", "nvme", "ide"} {
		for _, p := range r.present(kind, true) {
			if !r.plugged(p) {
				r.note("%s is left out: there is no such place", p)
			} else {
				r.drive(p)
			}
			r.forget(p.vmx() + ".")
		}
	}
}

func (r *vmxReader) drive(p place) {
	at := p.vmx() + "."
	file, kind := r.text(at+"fileName"), strings.ToLower(r.text(at+"deviceType"))
	if strings.Contains(kind, "cdrom") {
		r.cdrom(p, file)
		return
	}
	mode := string(types.VirtualDiskModePersistent)
	for api, name := range vmxModes {
		if strings.EqualFold(r.text(at+"mode"), name) {
			mode = api
		}
	}
	r.disk(p, mode)
}

// forget counts all keys of a drive as understood: what else is said of it is of its files.
func (r *vmxReader) forget(prefix string) {
	for key := range r.All() {
		if strings.HasPrefix(strings.ToLower(key), prefix) {
			r.used[strings.ToLower(key)] = true
		}
	}
}

// extra keeps what is not understood, for VMware to understand.
func (r *vmxReader) extra() {
	for _, key := range []string{".encoding", "config.version", "nvram", "floppy0.fileName", "vmci0.present"} {
		r.used[strings.ToLower(key)] = true
	}
	for key := range r.All() {
		if lower := strings.ToLower(key); !r.used[lower] && !ofHost(lower) && !strings.HasPrefix(lower, "pcibridge") {
			r.Config.ExtraConfig = append(r.Config.ExtraConfig, &types.OptionValue{Key: key, Value: r.Text(key)})
		}
	}
}

// uuidFromVMX reads a UUID as VMware writes it; "" if it is none.
func uuidFromVMX(s string) string {
	hex := strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(s))
	if uuidToVMX(hex) == "" {
		return ""
	}
	return strings.Join([]string{hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:]}, "-")
}
