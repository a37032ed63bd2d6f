package translate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
	"libvirt.org/go/libvirtxml"

	"vbfs/restore/machine"
)

// A domainReader takes a domain in.
type domainReader struct {
	*hardware
	dom     *libvirtxml.Domain
	windows bool
	orders  []order
}

// fromDomain reads libvirt's XML: the inactive definition, and what disks were plugged in while the machine ran.
func fromDomain(m machine.Machine) (*Hardware, error) {
	dom := new(libvirtxml.Domain)
	if err := dom.Unmarshal(string(m.Config(kindDomain))); err != nil {
		return nil, fmt.Errorf("%w: %w", machine.ErrBadDefinition, err)
	}
	if dom.Name == "" || dom.Devices == nil {
		return nil, fmt.Errorf("%w: a domain without a name or devices", machine.ErrBadDefinition)
	}
	r := &domainReader{hardware: newHardware(m), dom: dom}
	if err := r.adopt(); err != nil {
		return nil, err
	}
	if err := r.general(); err != nil {
		return nil, err
	}
	r.firmware()
	r.drives()
	r.cards()
	r.others()
	r.order()
	r.leave()
	return r.Hardware, nil
}

// adopt adds the disks of the point that only the running machine had.
func (r *domainReader) adopt() error {
	text := r.m.Config(kindLive)
	if text == nil {
		return nil
	}
	live := new(libvirtxml.Domain)
	if err := live.Unmarshal(string(text)); err != nil {
		return fmt.Errorf("%w: %w", machine.ErrBadDefinition, err)
	}
	if live.Devices == nil {
		return nil
	}
	for _, d := range live.Devices.Disks {
		name := targetOf(&d)
		has := func(other libvirtxml.DomainDisk) bool { return targetOf(&other) == name }
		if record, ok := r.m.Point.Disk(name); ok && record.HasImage() && !slices.ContainsFunc(r.dom.Devices.Disks, has) {
			r.dom.Devices.Disks = append(r.dom.Devices.Disks, d)
			r.note("%s was plugged in while the machine ran, and is part of it from now on", name)
		}
	}
	return nil
}

func targetOf(d *libvirtxml.DomainDisk) string {
	if d.Target == nil {
		return ""
	}
	return d.Target.Dev
}

// general is the machine as such.
func (r *domainReader) general() error {
	c, d := r.Config, r.dom
	c.Name, c.Uuid = d.Name, strings.ToLower(d.UUID)
	c.Annotation = strings.TrimSpace(d.Title + "\n" + d.Description)
	if d.OS != nil && d.OS.Type != nil {
		if arch := d.OS.Type.Arch; arch != "" && arch != "x86_64" && arch != "i686" {
			return fmt.Errorf("%w: a machine of %s, which VMware does not run on x86 hosts", machine.ErrBadDefinition, arch)
		}
	}
	c.GuestId = guestOf(d)
	r.windows = isWindows(c.GuestId)
	mib, err := memory(d.Memory)
	if err != nil {
		return err
	}
	if c.Hardware.MemoryMB = mib; mib%4 != 0 {
		c.Hardware.MemoryMB += 4 - mib%4
		r.note("it has %d MiB of memory in the place of %d: VMware's have multiples of four", c.Hardware.MemoryMB, mib)
	}
	cpus, cores := uint(1), 1
	if d.VCPU != nil {
		cpus = max(d.VCPU.Value, 1)
	}
	if cpus > maxCPUs {
		return fmt.Errorf("%w: %d processors", machine.ErrBadDefinition, cpus)
	}
	if d.CPU != nil && d.CPU.Topology != nil {
		cores = max(d.CPU.Topology.Cores, 1) * max(d.CPU.Topology.Threads, 1) * max(d.CPU.Topology.Dies, 1)
	}
	if cores < 1 || int(cpus)%cores != 0 {
		cores = 1
	}
	perSocket := int32(cores)
	c.Hardware.NumCPU, c.Hardware.NumCoresPerSocket = int32(cpus), &perSocket
	return nil
}

// units of memory: libvirt, docs/formatdomain, "Memory Allocation".
var units = map[string]float64{"b": 1, "bytes": 1, "kb": 1e3, "k": 1 << 10, "kib": 1 << 10, "": 1 << 10, "mb": 1e6, "m": 1 << 20, "mib": 1 << 20,
	"gb": 1e9, "g": 1 << 30, "gib": 1 << 30, "tb": 1e12, "t": 1 << 40, "tib": 1 << 40}

// memory in whole MiB.
func memory(m *libvirtxml.DomainMemory) (int32, error) {
	if m == nil {
		return 0, fmt.Errorf("%w: a domain without memory", machine.ErrBadDefinition)
	}
	unit, ok := units[strings.ToLower(m.Unit)]
	mib := math.Ceil(float64(m.Value) * unit / (1 << 20))
	if !ok || mib < 1 || mib > maxMemory {
		return 0, fmt.Errorf("%w: %d %s of memory", machine.ErrBadDefinition, m.Value, m.Unit)
	}
	return int32(mib), nil
}

func (r *domainReader) firmware() {
	r.Config.Firmware = string(types.GuestOsDescriptorFirmwareTypeBios)
	os := r.dom.OS
	if os == nil || os.Firmware != "efi" && (os.Loader == nil || os.Loader.Type != "pflash") {
		return
	}
	r.Config.Firmware = string(types.GuestOsDescriptorFirmwareTypeEfi)
	secure := os.Loader != nil && os.Loader.Secure == "yes"
	if os.FirmwareInfo != nil {
		for _, f := range os.FirmwareInfo.Features {
			secure = secure || f.Name == "secure-boot" && f.Enabled == "yes"
		}
	}
	r.Config.BootOptions.EfiSecureBootEnabled = &secure
	r.note("its firmware begins with an empty NVRAM, for QEMU's is not VMware's: if it finds nothing to start, say what in its menu")
}

// An order is what a definition says of when a device is started from.
type order struct {
	n  uint
	of types.BaseVirtualMachineBootOptionsBootableDevice
}

func (r *domainReader) bootable(b *libvirtxml.DomainDeviceBoot, of types.BaseVirtualMachineBootOptionsBootableDevice) {
	if b != nil {
		r.orders = append(r.orders, order{b.Order, of})
	}
}

// order is by the devices' own, or by kinds of devices.
func (r *domainReader) order() {
	slices.SortStableFunc(r.orders, func(a, b order) int { return cmp.Compare(a.n, b.n) })
	for _, o := range r.orders {
		r.startsFrom(o.of)
	}
	if len(r.orders) > 0 || r.dom.OS == nil {
		return
	}
	for _, b := range r.dom.OS.BootDevices {
		r.kind(b.Dev)
	}
}

// kind adds the devices of a kind: hd, cdrom or network.
func (r *domainReader) kind(kind string) {
	for _, d := range r.Config.Hardware.Device {
		key := d.GetVirtualDevice().Key
		switch d.(type) {
		case *types.VirtualDisk:
			if kind == "hd" {
				r.startsFrom(&types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: key})
			}
		case types.BaseVirtualEthernetCard:
			if kind == "network" {
				r.startsFrom(&types.VirtualMachineBootOptionsBootableEthernetDevice{DeviceKey: key})
			}
		}
	}
	if kind == "cdrom" {
		r.startsFrom(&types.VirtualMachineBootOptionsBootableCdromDevice{})
	}
}
