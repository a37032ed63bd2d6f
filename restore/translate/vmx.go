package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vmx"
)

// Files are the names of a machine's files beside its .vmx file.
type Files struct {
	Disks map[int32]string // descriptors, by the disks' keys in the configuration
	NVRAM string           // "" is none: the firmware makes one
}

// oldHardware is the version of hardware of a machine that none was recorded of: vSphere 6.7's, which all that is in use runs.
const oldHardware = "14"

// A vmxWriter puts a .vmx file together.
type vmxWriter struct {
	*vmx.File
	h     *Hardware
	c     *types.VirtualMachineConfigInfo
	files Files
	notes []string
}

// VMX writes a machine's configuration as a .vmx file, with these files, and notes of what cannot be in it. A disk without a file is left out.
// The keys are VMware's own, which it does not document but for some: those here are of files that ESXi 6.7 wrote.
func VMX(h *Hardware, files Files) (*vmx.File, []string) {
	w := &vmxWriter{File: vmx.New(), h: h, c: h.Config, files: files}
	w.general()
	w.firmware()
	w.bridges()
	for _, d := range w.c.Hardware.Device {
		w.device(d)
	}
	w.order()
	w.extra()
	return w.File, w.notes
}

func (w *vmxWriter) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// put sets a key, unless there is nothing to say.
func (w *vmxWriter) put(key, value string) {
	if value != "" {
		w.Set(key, value)
	}
}

func (w *vmxWriter) flag(key string, on bool) {
	if on {
		w.Set(key, "TRUE")
	}
}

// general is the machine as such.
func (w *vmxWriter) general() {
	hw := w.c.Hardware
	w.Set("config.version", "8")
	w.Set("virtualHW.version", cmp.Or(strings.TrimLeft(strings.TrimPrefix(w.c.Version, "vmx-"), "0"), oldHardware))
	w.Set("displayName", w.c.Name)
	w.put("annotation", w.c.Annotation)
	w.put("guestOS", guestToVMX(w.c.GuestId))
	w.put("guestOSAltName", w.c.AlternateGuestName)
	w.put("uuid.bios", uuidToVMX(w.c.Uuid))
	w.put("vc.uuid", uuidToVMX(w.c.InstanceUuid))
	w.Set("memSize", strconv.Itoa(int(hw.MemoryMB)))
	w.Set("numvcpus", strconv.Itoa(int(max(hw.NumCPU, 1))))
	if n := hw.NumCoresPerSocket; n != nil && *n > 1 {
		w.Set("cpuid.coresPerSocket", strconv.Itoa(int(*n)))
	}
	w.flag("vcpu.hotadd", isTrue(w.c.CpuHotAddEnabled))
	w.flag("mem.hotadd", isTrue(w.c.MemoryHotAddEnabled))
	w.flag("vhv.enable", isTrue(w.c.NestedHVEnabled))
	if t := w.c.Tools; t != nil {
		w.put("tools.syncTime", strings.ToUpper(strconv.FormatBool(isTrue(t.SyncTimeWithHost))))
	}
	for what, a := range map[string]*types.ResourceAllocationInfo{"CPU": w.c.CpuAllocation, "memory": w.c.MemoryAllocation} {
		if limited(a) {
			w.note("its reservation or limit of %s is left out", what)
		}
	}
	slices.Sort(w.notes)
}

// firmware is how it starts.
func (w *vmxWriter) firmware() {
	w.put("firmware", w.c.Firmware)
	w.put("nvram", w.files.NVRAM)
	b := w.c.BootOptions
	if b == nil {
		return
	}
	w.flag("uefi.secureBoot.enabled", isTrue(b.EfiSecureBootEnabled))
	w.flag("bios.forceSetupOnce", isTrue(b.EnterBIOSSetup))
	if b.BootDelay > 0 {
		w.Set("bios.bootDelay", strconv.FormatInt(b.BootDelay, 10))
	}
}

// bridges are the slots that PCI Express devices sit in.
func (w *vmxWriter) bridges() {
	w.Set("pciBridge0.present", "TRUE")
	for n := 4; n < 8; n++ {
		at := fmt.Sprintf("pciBridge%d.", n)
		w.Set(at+"present", "TRUE")
		w.Set(at+"virtualDev", "pcieRootPort")
		w.Set(at+"functions", "8")
	}
	w.Set("vmci0.present", "TRUE")
	w.Set("floppy0.present", "FALSE") // VMware takes it for there otherwise
}

// order is what it starts from: kinds in bios.bootOrder, disks in bios.hddOrder.
func (w *vmxWriter) order() {
	if w.c.BootOptions == nil {
		return
	}
	var kinds, disks []string
	at := places(w.c)
	for _, b := range w.c.BootOptions.BootOrder {
		kind := ""
		switch b := b.(type) {
		case *types.VirtualMachineBootOptionsBootableDiskDevice:
			kind = "hdd"
			disks = append(disks, at[b.DeviceKey].vmx())
		case *types.VirtualMachineBootOptionsBootableCdromDevice:
			kind = "cdrom"
		case *types.VirtualMachineBootOptionsBootableEthernetDevice:
			kind = "ethernet0"
			for n, c := range cards(w.c) {
				if c.GetVirtualDevice().Key == b.DeviceKey {
					kind = fmt.Sprintf("ethernet%d", n)
				}
			}
		case *types.VirtualMachineBootOptionsBootableFloppyDevice:
			kind = "floppy"
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	w.put("bios.bootOrder", strings.Join(kinds, ","))
	w.put("bios.hddOrder", strings.Join(disks, ","))
}

// extra are the settings that VMware itself has no words for. Those that are of one host, one folder or a disk's past stay out, and what
// was translated is not said twice.
func (w *vmxWriter) extra() {
	for _, o := range w.c.ExtraConfig {
		v := o.GetOptionValue()
		if v.Key == "" || strings.ContainsAny(v.Key, " \t=#\r\n\x00") || w.Has(v.Key) || ofHost(strings.ToLower(v.Key)) {
			continue
		}
		w.put(v.Key, toText(v.Value))
	}
}

// toText is a setting's value, which the API gives as anything.
func toText(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// ofHost tells which settings, in lower case, are of a place or of a time.
func ofHost(key string) bool {
	if slices.Contains([]string{"nvram", "uuid.location", "uuid.bios", "vc.uuid", "extendedconfigfile", "viv.moid", "vmxstats.filename",
		"checkpoint.vmstate", "cleanshutdown", "softpoweroff", "replay.filename", "migrate.hostlog", "vm.genid", "vm.genidx"}, key) {
		return true
	}
	return strings.HasPrefix(key, "sched.swap.") || strings.HasPrefix(key, "migrate.") || strings.HasSuffix(key, ".ctkenabled") ||
		strings.HasPrefix(key, "monitor.phys_bits") || strings.HasPrefix(key, "vmotion.")
}

// uuidToVMX writes a UUID as VMware does: 56 4d 12 34 56 78 9a bc-de f0 12 34 56 78 9a bc. What is none stays out.
func uuidToVMX(uuid string) string {
	hex := strings.ToLower(strings.ReplaceAll(uuid, "-", ""))
	if len(hex) != 32 || strings.Trim(hex, "0123456789abcdef") != "" {
		return ""
	}
	var pairs []string
	for i := 0; i < 32; i += 2 {
		pairs = append(pairs, hex[i:i+2])
	}
	return strings.Join(pairs[:8], " ") + "-" + strings.Join(pairs[8:], " ")
}
