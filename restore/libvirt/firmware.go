package libvirt

import "libvirt.org/go/libvirtxml"

// Kinds of configuration that are files of their own, as a point records them.
const (
	kindDomain = "libvirt-domain"
	kindLive   = "libvirt-domain-live"
	kindNVRAM  = "nvram"
	kindLoader = "loader"
	kindKernel = "kernel"
	kindInitrd = "initrd"
	kindDTB    = "dtb"
	kindTPM    = "tpm"
)

// boot points the machine to the files that it starts from.
func (d *definition) boot() {
	for _, f := range bootFiles(d.OS) {
		switch to, restored := d.files[f.kind]; {
		case restored:
			*f.path = to
		case *f.path != "":
			d.missing("its %s %s %s, and the point has not recorded it", f.kind, *f.path)
		}
	}
	d.variables()
	if e := emulator(d.Domain); e != nil {
		e.Source = nil // its state lies where libvirt has it by itself, which no other machine's does
	}
	if e := d.Devices.Emulator; e != "" && d.missing("%s %s %s: it gets the host's", "its emulator", e) {
		d.Devices.Emulator = ""
	}
}

// A bootFile is a path in a definition.
type bootFile struct {
	kind string
	path *string
}

func bootFiles(os *libvirtxml.DomainOS) []bootFile {
	files := []bootFile{{kindKernel, &os.Kernel}, {kindInitrd, &os.Initrd}, {kindDTB, &os.DTB}}
	if os.Loader != nil {
		files = append(files, bootFile{kindLoader, &os.Loader.Path})
	}
	return files
}

// variables points the firmware to its NVRAM. Without a path libvirt makes one of the template.
func (d *definition) variables() {
	to, restored := d.files[kindNVRAM]
	n := d.OS.NVRam
	switch {
	case restored && n == nil:
		d.OS.NVRam = &libvirtxml.DomainNVRam{NVRam: to}
	case restored:
		n.Source, n.NVRam = nil, to
	case n != nil && (d.fresh || d.has(hasFile, nvramPath(d.OS)) != there):
		d.note("the point has no NVRAM: the firmware begins with an empty one")
		n.Source, n.NVRam = nil, ""
	}
}

// nvramPath is the local file that the firmware's variables lie in, or empty.
func nvramPath(os *libvirtxml.DomainOS) string {
	switch n := os.NVRam; {
	case n == nil:
		return ""
	case n.Source != nil && n.Source.File != nil:
		return n.Source.File.File
	case n.Source != nil:
		return ""
	default:
		return n.NVRam
	}
}
