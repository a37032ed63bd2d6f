package lab

import (
	"os"
	"path/filepath"
)

// A Domain is one of a host's.
type Domain struct {
	Name string
	Host *Host

	spec  *Spec
	guest *guest // nil without one
}

// Domain makes, defines and starts a domain.
func (h *Host) Domain(s Spec) *Domain {
	h.t.Helper()
	if s.Name == "" {
		s.Name = "vm"
	}
	for i := range s.Disks {
		h.must(h.image(s.Name, &s.Disks[i]))
	}
	d := &Domain{Name: s.Name, Host: h, spec: &s}
	d.Define()
	if !s.Off {
		d.Start()
	}
	return d
}

// As is the same domain, whose troubles are another test's.
func (d *Domain) As(t TB) *Domain {
	return &Domain{Name: d.Name, Host: d.Host.As(t), spec: d.spec, guest: d.guest}
}

// Find is a domain that another one has defined; when it has a serial line such as our guests have, one of those is in it.
func (h *Host) Find(name string) *Domain {
	h.t.Helper()
	d := &Domain{Name: name, Host: h, spec: &Spec{Name: name}}
	x, err := d.xml()
	h.must(err)
	d.spec.Guest = x.shell() != ""
	return d
}

// Define defines the domain as its Spec says, again if need be.
func (d *Domain) Define() {
	h := d.Host
	h.t.Helper()
	of := struct {
		*Spec
		Kernel, Initrd, Cmdline, Console, Shell, NVRAM string
	}{Spec: d.spec, Console: d.console(), Shell: d.shell(), NVRAM: d.NVRAM()}
	if d.spec.Guest {
		file, release, err := kernel()
		h.must(err)
		of.Kernel = file
		of.Initrd, err = h.initrd(release)
		h.must(err)
		of.Cmdline, err = d.spec.cmdline(release)
		h.must(err)
	}
	xml, err := render("domain", of)
	h.must(err)
	path := filepath.Join(h.Dir, d.Name+".xml")
	h.must(os.WriteFile(path, []byte(xml), 0o644))
	h.Virsh("define", path)
}

// Start starts the domain; with a guest in it, it waits until that is there.
func (d *Domain) Start() {
	d.Host.t.Helper()
	switch {
	case d.spec.Guest:
		d.Virsh("start")
		d.Host.must(d.connect())
	case d.spec.Awake:
		d.Virsh("start")
	default:
		d.Virsh("start", "--paused")
	}
}

// NVRAM is where a domain with UEFI keeps its variables, as a path for both sides.
func (d *Domain) NVRAM() string { return filepath.Join(d.Host.Dir, "images", d.Name+"_VARS.fd") }

// Virsh runs virsh with the domain's name as the first argument of a command.
func (d *Domain) Virsh(command string, args ...string) string {
	d.Host.t.Helper()
	return d.Host.Virsh(append([]string{command, d.Name}, args...)...)
}

// must ends the test when that is wrong which should not be.
func (h *Host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("%v", err)
	}
}
