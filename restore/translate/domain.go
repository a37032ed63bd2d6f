package translate

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/vmware/govmomi/vim25/types"
	"libvirt.org/go/libvirtxml"

	"vbfs/restore/machine"
)

// Guest is a machine in libvirt's words.
type Guest struct {
	// Domain is of the type kvm, on x86_64. Its disks have no source; media are ejected.
	Domain *libvirtxml.Domain

	// Disks are the targets of the point's disks in Domain, by their names in the point: sda of scsi0-0.
	Disks map[string]string

	Notes []string // what the user should know, a sentence each
}

// A domainWriter puts a domain together.
type domainWriter struct {
	*libvirtxml.Domain
	h       *Hardware
	c       *types.VirtualMachineConfigInfo
	buses   []*bus
	targets map[int32]string // of disks and drives, by their keys in c
	notes   []string
}

// Domain says what the machine of a point is made of in libvirt's words, of what vSphere recorded, or a .vmx file. Errors:
// machine.ErrNoDefinition, machine.ErrBadDefinition.
//
// It is for QEMU's PC machine (docs/formatdomain of libvirt 9, docs/system/i386/pc of QEMU): VMware's is a 440BX as well. Only Secure Boot
// takes a Q35, for firmware that has it needs SMM.
func Domain(m machine.Machine) (*Guest, error) {
	h, err := Config(m)
	if err != nil {
		return nil, err
	}
	for _, d := range m.Point.Disks {
		if _, ok := h.Disks[d.Name]; !ok && d.HasImage() {
			return nil, fmt.Errorf("%w: it has no disk %s", machine.ErrBadDefinition, d.Name)
		}
	}
	w := &domainWriter{h: h, c: h.Config, targets: map[int32]string{}, notes: h.Notes}
	w.Domain = &libvirtxml.Domain{
		Type: "kvm", UUID: strings.ToLower(h.Config.Uuid), Description: h.Config.Annotation,
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
		Devices: &libvirtxml.DomainDeviceList{MemBalloon: &libvirtxml.DomainMemBalloon{Model: "none"}},
	}
	if uuidToVMX(w.UUID) == "" {
		w.UUID = uuidText(m.Point.Machine)
		w.note("it had no UUID, and has %s", w.UUID)
	}
	w.name()
	w.processors()
	w.start()
	w.clock()
	w.storage()
	for _, d := range w.c.Hardware.Device {
		w.device(d)
	}
	w.bootOrder()
	w.leave()
	g := &Guest{Domain: w.Domain, Disks: map[string]string{}, Notes: w.notes}
	for name, key := range h.Disks {
		g.Disks[name] = w.targets[key]
	}
	return g, nil
}

// name gives the machine one that libvirt takes. The inventory writes three characters as %2f, %5c and %25.
func (w *domainWriter) name() {
	name := strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%25", "%").Replace(w.c.Name)
	w.Name = strings.Map(func(r rune) rune {
		if r == '/' || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if w.Name != name {
		w.note("it was called %q", name)
	}
}

// uuidText writes 16 bytes as libvirt does.
func uuidText(u [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func (w *domainWriter) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// processors and memory.
func (w *domainWriter) processors() {
	hw := w.c.Hardware
	cpus, cores := int(max(hw.NumCPU, 1)), 1
	if n := hw.NumCoresPerSocket; n != nil && *n > 0 {
		cores = int(*n)
	}
	if cpus%cores != 0 {
		w.note("its %d processors of %d cores a socket are one socket", cpus, cores)
		cores = cpus
	}
	w.Memory = &libvirtxml.DomainMemory{Value: uint(max(hw.MemoryMB, 4)), Unit: "MiB"}
	w.VCPU = &libvirtxml.DomainVCPU{Value: uint(cpus)}
	w.CPU = &libvirtxml.DomainCPU{Mode: "host-model", Topology: &libvirtxml.DomainCPUTopology{Sockets: cpus / cores, Cores: cores, Threads: 1}}
	if isTrue(w.c.NestedHVEnabled) {
		w.note("it could run virtual machines in itself: whether it still can is set on the host (kvm_intel or kvm_amd, nested)")
	}
}

// start is firmware, and the machine that it is for.
func (w *domainWriter) start() {
	w.OS = &libvirtxml.DomainOS{Type: &libvirtxml.DomainOSType{Arch: "x86_64", Machine: "pc", Type: "hvm"}}
	w.Features = &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}, APIC: &libvirtxml.DomainFeatureAPIC{}, PAE: &libvirtxml.DomainFeature{}}
	b := w.c.BootOptions
	if strings.EqualFold(w.c.Firmware, string(types.GuestOsDescriptorFirmwareTypeEfi)) {
		w.OS.Firmware = "efi"
		secure := b != nil && isTrue(b.EfiSecureBootEnabled)
		features := []libvirtxml.DomainOSFirmwareFeature{{Name: "secure-boot", Enabled: yesno(secure)}}
		if secure {
			w.OS.Type.Machine = "q35"
			w.Features.SMM = &libvirtxml.DomainFeatureSMM{State: "on"}
			features = append(features, libvirtxml.DomainOSFirmwareFeature{Name: "enrolled-keys", Enabled: "yes"})
		}
		w.OS.FirmwareInfo = &libvirtxml.DomainOSFirmwareInfo{Features: features}
	}
	if b != nil && b.BootDelay > 0 {
		w.OS.BootMenu = &libvirtxml.DomainBootMenu{Enable: "yes", Timeout: fmt.Sprint(min(b.BootDelay, 65535))}
	}
}

func yesno(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// clock: Windows keeps local time in the machine's, and what it knows of Hyper-V spares it much.
func (w *domainWriter) clock() {
	w.Clock = &libvirtxml.DomainClock{Offset: "utc", Timer: []libvirtxml.DomainTimer{
		{Name: "rtc", TickPolicy: "catchup"}, {Name: "pit", TickPolicy: "delay"}, {Name: "hpet", Present: "no"},
	}}
	if !isWindows(w.c.GuestId) {
		return
	}
	on := libvirtxml.DomainFeatureState{State: "on"}
	w.Features.HyperV = &libvirtxml.DomainFeatureHyperV{Relaxed: &on, VAPIC: &on,
		Spinlocks: &libvirtxml.DomainFeatureHyperVSpinlocks{DomainFeatureState: on, Retries: 8191}}
	w.Clock.Offset = "localtime"
	w.Clock.Timer = append(w.Clock.Timer, libvirtxml.DomainTimer{Name: "hypervclock", Present: "yes"})
}

func isWindows(guest string) bool { return strings.HasPrefix(guest, "win") }

// Emulated makes the domain one for a host without KVM, where QEMU does all by itself.
func (g *Guest) Emulated() {
	g.Domain.Type = "qemu"
	g.Domain.CPU.Mode = ""
	g.Domain.Features.HyperV = nil
	g.Domain.Clock.Timer = slices.DeleteFunc(g.Domain.Clock.Timer, func(t libvirtxml.DomainTimer) bool { return t.Name == "hypervclock" })
	g.Notes = append(g.Notes, "this host has no KVM: the machine runs very slowly")
}
