package vmware

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vmx"
	"vbfs/restore/machine"
	"vbfs/restore/translate"
)

// write writes a .vmx file of what was recorded or translated.
func (n *newMachine) write(nvram string) error {
	n.rename(n.hw.Config)
	n.uuid = n.hw.Config.Uuid
	files := translate.Files{Disks: map[int32]string{}, NVRAM: nvram}
	for _, j := range n.jobs {
		key, ok := n.hw.Disks[j.disk.Record.Name]
		if !ok {
			n.note("disk %s is in %s, and not part of the machine: its configuration does not have it", j.disk.Record.Name, j.file)
			continue
		}
		files.Disks[key] = j.file
	}
	f, notes := translate.VMX(n.hw, files)
	n.notes = append(n.notes, notes...)
	return n.folder.write(n.base+".vmx", f.Marshal())
}

// rename gives the machine its name, and no IDs if it is another one: VMware makes them.
func (n *newMachine) rename(c *types.VirtualMachineConfigInfo) {
	c.Name = n.name
	if !n.fresh {
		return
	}
	c.Uuid, c.InstanceUuid = "", ""
	for _, d := range c.Hardware.Device {
		if card, ok := d.(types.BaseVirtualEthernetCard); ok {
			card.GetVirtualEthernetCard().MacAddress = ""
		}
	}
}

// Keys of a recorded .vmx that are of the place where it was, or of the machine's IDs.
var (
	ofPlace = regexp.MustCompile(`(?i)^(uuid\.location|extendedconfigfile|vmxstats\.filename|sched\.swap\.derivedname|migrate\.hostlog|checkpoint\.vmstate|` +
		`workingdir|snapshot\.redonotrunning|(scsi|sata|ide|nvme)\d+:\d+\.redo)$`)
	ofID     = regexp.MustCompile(`(?i)^(uuid\.bios|vc\.uuid|vm\.genidx?|ethernet\d+\.(generatedaddress|generatedaddressoffset|address))$`)
	address  = regexp.MustCompile(`(?i)^ethernet\d+\.addresstype$`)
	diskFile = regexp.MustCompile(`(?i)^((scsi|sata|ide|nvme)\d+:\d+)\.filename$`)
)

// rewrite keeps a recorded .vmx but for the names of files, and IDs if the machine is another one.
func (n *newMachine) rewrite(nvram string) error {
	f, err := vmx.Parse(n.vmx)
	if err != nil {
		return fmt.Errorf("%w: %w", machine.ErrBadDefinition, err)
	}
	for _, l := range linesOf(f) {
		key, value := l[0], l[1]
		switch {
		case ofPlace.MatchString(key), n.fresh && ofID.MatchString(key):
			f.Delete(key)
		case n.fresh && address.MatchString(key) && !strings.EqualFold(value, "vpx"):
			f.Set(key, "generated")
		case n.fresh && address.MatchString(key):
			f.Set(key, "vpx")
		}
	}
	f.Set("displayName", n.name)
	f.Delete("nvram")
	if nvram != "" {
		f.Set("nvram", nvram)
	}
	n.rewriteDisks(f)
	n.uuid = uuidOf(f.Get("uuid.bios"))
	return n.folder.write(n.base+".vmx", f.Marshal())
}

// linesOf are the keys and values that there are before any is changed.
func linesOf(f *vmx.File) (all [][2]string) {
	for key, value := range f.All() {
		all = append(all, [2]string{key, value})
	}
	return all
}

// rewriteDisks names the disks' files, and takes out those that are not restored.
func (n *newMachine) rewriteDisks(f *vmx.File) {
	files := map[string]string{}
	for _, j := range n.jobs {
		at := slot(j.disk.Record.Name)
		if at == "" || !f.Has(at+".fileName") {
			n.note("disk %s is in %s, and not part of the machine: its configuration does not have it", j.disk.Record.Name, j.file)
			continue
		}
		files[at] = j.file
	}
	for _, l := range linesOf(f) {
		m := diskFile.FindStringSubmatch(l[0])
		if m == nil || !strings.HasSuffix(strings.ToLower(l[1]), ".vmdk") {
			continue
		}
		at := strings.ToLower(m[1])
		if file := files[at]; file != "" {
			f.Set(l[0], file)
			continue
		}
		n.note("disk %s is left out: the point does not have it", at)
		remove(f, at+".")
	}
}

// remove takes out all keys that begin so, in lower case.
func remove(f *vmx.File, prefix string) {
	for _, l := range linesOf(f) {
		if strings.HasPrefix(strings.ToLower(l[0]), prefix) {
			f.Delete(l[0])
		}
	}
}

// uuidOf reads a UUID as VMware writes it, 56 4d …-…; "" is none.
func uuidOf(s string) string {
	id, err := uuid.Parse(strings.NewReplacer(" ", "", "-", "").Replace(s))
	if err != nil {
		return ""
	}
	return id.String()
}
