package libvirt

import (
	"fmt"

	"libvirt.org/go/libvirtxml"

	"vbfs/restore/machine"
)

// A change says what becomes of a recorded definition.
type change struct {
	name  string
	uuid  string
	fresh bool              // another machine than the recorded one, which may still be there
	disks map[string]file   // restored, by target
	files map[string]string // restored, by kind of configuration: their paths
	has   func(kind, name string) presence
}

// A file is a disk's new image.
type file struct{ path, format string }

// Kinds of things that a host has or does not have.
const (
	hasFile    = "file"    // by its path
	hasName    = "name"    // as hasFile, or a link to nothing
	hasNetwork = "network" // of libvirt, active
	hasDevice  = "device"  // of the host's network: a bridge
)

// A definition is a domain on its way from what was recorded to what is defined.
type definition struct {
	change
	*libvirtxml.Domain
	notes []string
}

// adjust makes a definition for the restored machine of the recorded one. live is what was recorded of the running
// machine, which may have had more disks; empty is nothing. The notes say what the user should know.
func adjust(recorded, live string, c change) (xml string, notes []string, err error) {
	dom, err := parse(recorded)
	if err != nil {
		return "", nil, err
	}
	d := &definition{change: c, Domain: dom}
	if lost := d.lost(recorded); len(lost) > 0 {
		d.note("not known to this release, and left out of the definition: %s", list(lost))
	}
	d.identify()
	d.boot()
	d.attach()
	if err := d.adopt(live); err != nil {
		return "", nil, err
	}
	d.look()
	xml, err = d.Marshal()
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", machine.ErrBadDefinition, err)
	}
	return xml, d.notes, nil
}

func parse(xml string) (*libvirtxml.Domain, error) {
	var dom libvirtxml.Domain
	if err := dom.Unmarshal(xml); err != nil {
		return nil, fmt.Errorf("%w: %w", machine.ErrBadDefinition, err)
	}
	if dom.Name == "" || dom.UUID == "" {
		return nil, fmt.Errorf("%w: domain without a name or UUID", machine.ErrBadDefinition)
	}
	if dom.Devices == nil {
		dom.Devices = &libvirtxml.DomainDeviceList{}
	}
	if dom.OS == nil {
		dom.OS = &libvirtxml.DomainOS{}
	}
	return &dom, nil
}

// missing notes that a file is not there, or is not known to be, and tells whether it did.
func (d *definition) missing(format, what, path string) bool {
	p := d.has(hasFile, path)
	if p != there {
		d.note(format, what, path, p)
	}
	return p != there
}

func (d *definition) note(format string, args ...any) {
	d.notes = append(d.notes, fmt.Sprintf(format, args...))
}
