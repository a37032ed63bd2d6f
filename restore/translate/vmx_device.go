package translate

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/vmware/govmomi/vim25/types"
)

// device writes one, or a note.
func (w *vmxWriter) device(d types.BaseVirtualDevice) {
	switch d := d.(type) {
	case types.BaseVirtualSCSIController:
		w.scsi(d.(types.BaseVirtualDevice), d.GetVirtualSCSIController())
	case types.BaseVirtualSATAController:
		w.Set(fmt.Sprintf("sata%d.present", d.GetVirtualSATAController().BusNumber), "TRUE")
	case *types.VirtualNVMEController:
		w.Set(fmt.Sprintf("nvme%d.present", d.BusNumber), "TRUE")
	case *types.VirtualUSBController:
		w.Set("usb.present", "TRUE")
		w.flag("ehci.present", isTrue(d.EhciEnabled))
	case *types.VirtualUSBXHCIController:
		w.Set("usb_xhci.present", "TRUE")
	case *types.VirtualDisk:
		w.disk(d)
	case *types.VirtualCdrom:
		w.cdrom(d)
	case types.BaseVirtualEthernetCard:
		w.card(d.(types.BaseVirtualDevice), d.GetVirtualEthernetCard())
	case *types.VirtualSerialPort:
		w.serial(d)
	case *types.VirtualMachineVideoCard:
		w.video(d)
	case *types.VirtualFloppy:
		w.note("%s is left out", label(d))
	case *types.VirtualHdAudioCard:
		w.sound("hdaudio")
	case *types.VirtualEnsoniq1371:
		w.sound("es1371")
	case *types.VirtualTPM:
		w.note("its TPM is left out: VMware makes one only for an encrypted machine; what is bound to it, as BitLocker, asks for its recovery key")
	default:
		if !implied(d) {
			w.note("%s (%s) is left out", label(d), class(d))
		}
	}
}

func (w *vmxWriter) scsi(d types.BaseVirtualDevice, c *types.VirtualSCSIController) {
	at := fmt.Sprintf("scsi%d.", c.BusNumber)
	w.Set(at+"present", "TRUE")
	m, _ := modelOf(d, scsiModels)
	w.put(at+"virtualDev", m.vmx)
	switch c.SharedBus {
	case types.VirtualSCSISharingVirtualSharing:
		w.Set(at+"sharedBus", "virtual")
	case types.VirtualSCSISharingPhysicalSharing:
		w.Set(at+"sharedBus", "physical")
	}
}

func (w *vmxWriter) disk(d *types.VirtualDisk) {
	p := placeOf(&d.VirtualDevice, w.c.Hardware.Device)
	file := w.files.Disks[d.Key]
	if file == "" {
		w.note("disk %s (%s) is left out: there is no file of it", p, label(d))
		return
	}
	kind := "disk"
	switch p.bus {
	case "scsi":
		kind = "scsi-hardDisk"
	case "ide":
		kind = "ata-hardDisk"
	}
	at := p.vmx() + "."
	w.Set(at+"present", "TRUE")
	w.Set(at+"deviceType", kind)
	w.Set(at+"fileName", file)
	if mode := diskMode(d); mode != "" && mode != string(types.VirtualDiskModePersistent) {
		w.Set(at+"mode", vmxModes[mode])
	}
}

// vmxModes are disk modes as .vmx files have them.
var vmxModes = map[string]string{
	string(types.VirtualDiskModeIndependent_persistent):    "independent-persistent",
	string(types.VirtualDiskModeIndependent_nonpersistent): "independent-nonpersistent",
	string(types.VirtualDiskModeNonpersistent):             "nonpersistent",
	string(types.VirtualDiskModeUndoable):                  "undoable",
	string(types.VirtualDiskModeAppend):                    "append",
}

// diskMode of whatever the disk lies in: what has a mode is a file.
func diskMode(d *types.VirtualDisk) string {
	switch b := d.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		return b.DiskMode
	case *types.VirtualDiskSparseVer2BackingInfo:
		return b.DiskMode
	case *types.VirtualDiskSeSparseBackingInfo:
		return b.DiskMode
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		return b.DiskMode
	}
	return ""
}

// cdrom writes an empty drive: the medium is not part of the machine.
func (w *vmxWriter) cdrom(d *types.VirtualCdrom) {
	p := placeOf(&d.VirtualDevice, w.c.Hardware.Device)
	if m := medium(d); m != "" {
		w.note("%s is empty: its medium was %s", label(d), m)
	}
	at := p.vmx() + "."
	w.Set(at+"present", "TRUE")
	w.Set(at+"deviceType", "atapi-cdrom")
	w.Set(at+"clientDevice", "TRUE")
	w.Set(at+"startConnected", "FALSE")
}

// card writes a network card, which keeps its address whatever VMware thinks of who gave it.
func (w *vmxWriter) card(d types.BaseVirtualDevice, c *types.VirtualEthernetCard) {
	n := 0
	for i, other := range cards(w.c) {
		if other == d {
			n = i
		}
	}
	at := fmt.Sprintf("ethernet%d.", n)
	m, known := modelOf(d, cardModels)
	if !known {
		w.note("%s was a %s, and is a vmxnet3", label(d), class(d))
		m = cardModels[0]
	}
	w.Set(at+"present", "TRUE")
	w.Set(at+"virtualDev", m.vmx)
	switch name, known := w.h.Network(d); {
	case known:
		w.Set(at+"networkName", name)
	default:
		w.note("%s is on no network: it was on %s, which a .vmx file cannot name", label(d), cmp.Or(name, nowhere))
	}
	if c.MacAddress == "" {
		w.Set(at+"addressType", "generated")
	} else {
		w.Set(at+"addressType", "static")
		w.Set(at+"address", c.MacAddress)
		w.Set(at+"checkMACAddress", "FALSE") // else VMware refuses those that it or vCenter once made
	}
	if conn := c.Connectable; conn != nil && !conn.StartConnected {
		w.Set(at+"startConnected", "FALSE")
	}
}

// cards are the network cards, in order.
func cards(c *types.VirtualMachineConfigInfo) (out []types.BaseVirtualDevice) {
	for _, d := range c.Hardware.Device {
		if _, ok := d.(types.BaseVirtualEthernetCard); ok {
			out = append(out, d)
		}
	}
	return out
}

// serial writes a port that can be anywhere: one on the network, or on nothing.
func (w *vmxWriter) serial(d *types.VirtualSerialPort) {
	n := 0
	for _, other := range w.c.Hardware.Device {
		if s, ok := other.(*types.VirtualSerialPort); ok && s.Key < d.Key {
			n++
		}
	}
	at := fmt.Sprintf("serial%d.", n)
	b, ok := d.Backing.(*types.VirtualSerialPortURIBackingInfo)
	if !ok {
		w.note("%s is left out: what it was connected to is of its host", label(d))
		return
	}
	w.Set(at+"present", "TRUE")
	w.Set(at+"fileType", "network")
	w.Set(at+"fileName", b.ServiceURI)
	w.put(at+"network.endPoint", b.Direction)
	w.flag(at+"yieldOnMsrRead", d.YieldOnPoll)
}

func (w *vmxWriter) video(d *types.VirtualMachineVideoCard) {
	w.Set("svga.present", "TRUE")
	if d.VideoRamSizeInKB > 0 {
		w.Set("svga.vramSize", strconv.FormatInt(d.VideoRamSizeInKB<<10, 10))
	}
	w.flag("svga.autodetect", isTrue(d.UseAutoDetect))
	w.flag("mks.enable3d", isTrue(d.Enable3DSupport))
}

func (w *vmxWriter) sound(model string) {
	w.Set("sound.present", "TRUE")
	w.Set("sound.virtualDev", model)
	w.Set("sound.startConnected", "FALSE")
}
