package libvirt

import (
	"github.com/google/uuid"
	"libvirt.org/go/libvirtxml"
)

// identify gives the machine its name and IDs. A genid is renewed in any case: it tells the guest that it was put back in
// time (libvirt, docs/formatdomain, "genid").
func (d *definition) identify() {
	d.ID = nil
	d.Name, d.UUID = d.name, d.uuid
	if d.GenID != nil {
		d.GenID.Value = uuid.NewString()
	}
	for _, s := range d.SysInfo { // libvirt wants it to be the UUID
		if s.SMBIOS != nil && s.SMBIOS.System != nil {
			for i, e := range s.SMBIOS.System.Entry {
				if e.Name == "uuid" {
					s.SMBIOS.System.Entry[i].Value = d.uuid
				}
			}
		}
	}
	if !d.fresh {
		return
	}
	for i := range d.Devices.Interfaces {
		d.Devices.Interfaces[i].MAC = nil // libvirt makes one
		d.Devices.Interfaces[i].Target = nil
	}
	d.shared()
}

// shared names what the recorded machine and another one cannot both have while they run.
func (d *definition) shared() {
	for _, g := range d.Devices.Graphics {
		if g.VNC != nil && g.VNC.Port > 0 && g.VNC.AutoPort != "yes" {
			d.note("VNC listens on port %d, as on the recorded machine", g.VNC.Port)
		}
		if g.Spice != nil && g.Spice.Port > 0 && g.Spice.AutoPort != "yes" {
			d.note("SPICE listens on port %d, as on the recorded machine", g.Spice.Port)
		}
	}
	for i, s := range d.Devices.Serials {
		if where := bound(s.Source); where != "" {
			d.note("serial port %d uses %s, as on the recorded machine", i, where)
		}
	}
	for _, c := range d.Devices.Channels {
		if where := bound(c.Source); where != "" {
			d.note("a channel uses %s, as on the recorded machine", where)
		}
	}
}

// bound is what only one machine at a time can have of a character device's source.
func bound(s *libvirtxml.DomainChardevSource) string {
	switch {
	case s == nil:
	case s.UNIX != nil && s.UNIX.Mode != "connect":
		return s.UNIX.Path
	case s.File != nil:
		return s.File.Path
	case s.Dev != nil:
		return s.Dev.Path
	case s.TCP != nil && s.TCP.Mode == "bind":
		return "port " + s.TCP.Service
	}
	return ""
}
