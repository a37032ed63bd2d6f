package vsim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// A disk is one of a machine's.
type disk struct {
	name  string // scsi0-0
	key   int32
	size  int64
	now   *layer
	track *track // nil: its changes are not tracked
	apart bool   // independent, or a raw device in physical mode: in no snapshot, and not tracked

	last string // a copy of what the newest snapshot froze, for Machine.Frozen
}

// flat is the lowest layer.
func (d *disk) flat() *layer {
	l := d.now
	for l.parent != nil {
		l = l.parent
	}
	return l
}

// names of the disks of a device list by key: controller, bus and unit.
func diskNames(devices object.VirtualDeviceList) map[int32]string {
	names := make(map[int32]string)
	for _, dev := range devices.SelectByType((*types.VirtualDisk)(nil)) {
		d := dev.GetVirtualDevice()
		c, ok := devices.FindByKey(d.ControllerKey).(types.BaseVirtualController)
		if !ok || d.UnitNumber == nil {
			continue
		}
		names[d.Key] = fmt.Sprintf("%s%d-%d", bus(c), c.GetVirtualController().BusNumber, *d.UnitNumber)
	}
	return names
}

func bus(c types.BaseVirtualController) string {
	switch c.(type) {
	case types.BaseVirtualSCSIController:
		return "scsi"
	case *types.VirtualAHCIController:
		return "sata"
	case *types.VirtualNVMEController:
		return "nvme"
	}
	return "ide"
}

// isApart tells disks that snapshots leave out.
func isApart(d *types.VirtualDisk) bool {
	switch b := d.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		return strings.HasPrefix(b.DiskMode, "independent")
	case *types.VirtualDiskSeSparseBackingInfo:
		return strings.HasPrefix(b.DiskMode, "independent")
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		return b.CompatibilityMode == string(types.VirtualDiskCompatibilityModePhysicalMode) || strings.HasPrefix(b.DiskMode, "independent")
	}
	return false
}

// flatName is the file of a descriptor's bytes.
func flatName(descriptor string) string {
	return strings.TrimSuffix(descriptor, ".vmdk") + "-flat.vmdk"
}

// newDisk takes in a disk that vcsim has: its flat is empty there, and gets the disk's length here.
func (h *Host) newDisk(name string, dev *types.VirtualDisk) (*disk, error) {
	file := dev.Backing.(types.BaseVirtualDeviceFileBackingInfo).GetVirtualDeviceFileBackingInfo().FileName
	path, err := h.path(flatName(file))
	if err != nil {
		return nil, err
	}
	d := &disk{name: name, key: dev.Key, now: &layer{name: file, path: path}, apart: isApart(dev)}
	return d, h.resize(d, dev.CapacityInBytes)
}

// resize leaves alone a flat that has the length already: whoever made it made the descriptor.
func (h *Host) resize(d *disk, size int64) error {
	d.size = size
	f, err := os.OpenFile(d.flat().path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() == size {
		return err
	}
	if err = f.Truncate(size); err != nil {
		return err
	}
	return h.describe(d.flat(), size)
}

// deltaName is a delta's descriptor.
func deltaName(flat string, n int) string {
	return fmt.Sprintf("%s-%06d.vmdk", strings.TrimSuffix(flat, ".vmdk"), n)
}

// grow puts a delta over the disk, with the next free number.
func (h *Host) grow(d *disk) error {
	var name, descriptor string
	for n := 1; ; n++ {
		name = deltaName(d.flat().name, n)
		var err error
		if descriptor, err = h.path(name); err != nil {
			return err
		}
		if _, err = os.Stat(descriptor); os.IsNotExist(err) {
			break
		}
	}
	text := fmt.Sprintf("# Disk DescriptorFile\n# vsim: a test double's delta; its extent holds no data\nversion=1\ncreateType=\"seSparse\"\n"+
		"parentFileNameHint=%q\nRW %d SESPARSE %q\n", filepath.Base(d.now.name), d.size/512, filepath.Base(extentName(name)))
	if err := os.WriteFile(descriptor, []byte(text), 0o600); err != nil {
		return err
	}
	extent, err := h.path(extentName(name))
	if err != nil {
		return err
	}
	if err = os.WriteFile(extent, []byte("vsim: a test double's delta, without data\n"), 0o600); err != nil {
		return err
	}
	d.now, err = d.now.over(name, filepath.Join(h.dir, "delta-"+newUUID()), d.size)
	return err
}

// extentName is the file of a delta's data.
func extentName(delta string) string { return strings.TrimSuffix(delta, ".vmdk") + "-sesparse.vmdk" }

// forget removes the files of a delta that is no more.
func (h *Host) forget(l *layer) error {
	for _, name := range []string{l.name, extentName(l.name)} {
		p, err := h.path(name)
		if err != nil {
			return err
		}
		if err = os.Remove(p); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
