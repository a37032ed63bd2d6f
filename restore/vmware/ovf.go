package vmware

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/xml"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// streamFormat is what an OVF calls the format of its disks.
const streamFormat = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"

// oldHardware is vSphere 6.7's, for a machine of which none was recorded.
const oldHardware = "vmx-14"

// ovf writes the envelope, and the manifest of all.
func (n *newMachine) ovf(nvram string) error {
	e := n.envelope()
	sums := map[string][]byte{}
	for _, j := range n.jobs {
		sums[j.file] = j.sum.Sum(nil)
	}
	if nvram != "" {
		b := n.m.Config(kindNVRAM)
		sum := sha256.Sum256(b)
		sums[nvram] = sum[:]
		e.Files = append(e.Files, fileRef{nvram, "nvram", int64(len(b))})
		e.System.Hardware.Extra = append(e.System.Hardware.Extra, config{Key: "nvram", Value: "ovf:/file/nvram"})
	}
	text, err := xml.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	text = append([]byte(xml.Header), append(text, '\n')...)
	if err := n.folder.write(n.base+".ovf", text); err != nil {
		return err
	}
	var mf bytes.Buffer
	fmt.Fprintf(&mf, "SHA256(%s.ovf)= %x\n", n.base, sha256.Sum256(text))
	for _, f := range e.Files {
		fmt.Fprintf(&mf, "SHA256(%s)= %x\n", f.Href, sums[f.Href])
	}
	return n.folder.write(n.base+".mf", mf.Bytes())
}

// envelope says what the machine is made of.
func (n *newMachine) envelope() *envelope {
	c := n.hw.Config
	e := &envelope{Spaces: spaces(), Disks: diskSection{Info: "Virtual disks"}}
	for i, j := range n.jobs {
		id := fmt.Sprintf("disk%d", i+1)
		e.Files = append(e.Files, fileRef{j.file, "file-" + id, j.size})
		e.Disks.Disks = append(e.Disks.Disks, diskDesc{
			Capacity: (j.disk.Record.Size + 511) / 512 * 512, Units: "byte", ID: id, File: "file-" + id, Format: streamFormat, Populated: j.disk.Amount.Data,
		})
	}
	hw := &hardwareWriter{n: n, c: c, parents: map[int32]int{}}
	hw.all()
	e.System = virtualSystem{
		ID: n.base, Info: "A virtual machine", Name: n.name,
		Guest: guestOS{ID: guestID, Type: c.GuestId, Info: "The guest operating system"},
		Hardware: hardware{
			Info: "Virtual hardware", Items: hw.items, Config: hw.config(),
			System: system{"Virtual Hardware Family", 0, n.name, cmp.Or(c.Version, oldHardware)},
		},
	}
	if c.Annotation != "" {
		e.System.Annotation = &annotation{"What was written about the machine", c.Annotation}
	}
	if len(hw.networks) > 0 {
		e.Networks = &netSection{"Networks", hw.networks}
	}
	n.note("what imports it gives it a UUID and network addresses of its own: an OVF has none")
	return e
}

// guestID is "Other" of CIM_OperatingSystem.OsType: VMware reads its own name beside it.
const guestID = 1

// config are the settings that VMware reads beside the items.
func (w *hardwareWriter) config() (all []config) {
	add := func(key, value string) {
		if value != "" {
			all = append(all, config{Key: key, Value: value})
		}
	}
	flag := func(key string, on *bool) {
		if on != nil {
			add(key, fmt.Sprint(*on))
		}
	}
	add("firmware", w.c.Firmware)
	if b := w.c.BootOptions; b != nil {
		flag("bootOptions.efiSecureBootEnabled", b.EfiSecureBootEnabled)
	}
	flag("cpuHotAddEnabled", w.c.CpuHotAddEnabled)
	flag("memoryHotAddEnabled", w.c.MemoryHotAddEnabled)
	flag("nestedHVEnabled", w.c.NestedHVEnabled)
	if t := w.c.Tools; t != nil {
		flag("tools.syncTimeWithHost", t.SyncTimeWithHost)
	}
	return all
}

// ofDisk finds the OVF's disk of a device, "" if the point does not have it.
func (n *newMachine) ofDisk(d *types.VirtualDisk) string {
	for i, j := range n.jobs {
		if key, ok := n.hw.Disks[j.disk.Record.Name]; ok && key == d.Key {
			return fmt.Sprintf("disk%d", i+1)
		}
	}
	return ""
}
