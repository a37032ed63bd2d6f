package translate

import (
	"regexp"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
	"libvirt.org/go/libvirtxml"
)

// osinfo is how libosinfo's ID of a guest's system is kept in a domain's metadata.
var osinfo = regexp.MustCompile(`<libosinfo:os\s+id=["']https?://([^"']{1,100})["']`)

// systems are guests by the beginnings of libosinfo's IDs (osinfo-query os), as vSphere 6.7 calls them or what came before: later ones
// know its names, too.
var systems = []struct{ id, guest string }{
	{"microsoft.com/win/xp", "winXPProGuest"}, {"microsoft.com/win/2k3", "winNetEnterprise64Guest"},
	{"microsoft.com/win/vista", "winVista64Guest"}, {"microsoft.com/win/2k8r2", "windows7Server64Guest"}, {"microsoft.com/win/2k8", "winLonghorn64Guest"},
	{"microsoft.com/win/7", "windows7_64Guest"}, {"microsoft.com/win/8", "windows8_64Guest"},
	{"microsoft.com/win/2k12", "windows8Server64Guest"}, {"microsoft.com/win/2k16", "windows9Server64Guest"}, {"microsoft.com/win/2k", "windows2019srv_64Guest"},
	{"microsoft.com/win/", "windows9_64Guest"},
	{"debian.org/debian/7", "debian7_64Guest"}, {"debian.org/debian/8", "debian8_64Guest"}, {"debian.org/debian/9", "debian9_64Guest"}, {"debian.org/debian/", "debian10_64Guest"},
	{"ubuntu.com/ubuntu/", "ubuntu64Guest"}, {"redhat.com/rhel/6", "rhel6_64Guest"}, {"redhat.com/rhel/7", "rhel7_64Guest"}, {"redhat.com/rhel/", "rhel8_64Guest"},
	{"centos.org/centos/6", "centos6_64Guest"}, {"centos.org/centos/7", "centos7_64Guest"}, {"centos.org/centos", "centos8_64Guest"},
	{"rockylinux.org/", "centos8_64Guest"}, {"almalinux.org/", "centos8_64Guest"}, {"oracle.com/ol/7", "oracleLinux7_64Guest"}, {"oracle.com/ol/", "oracleLinux8_64Guest"},
	{"suse.com/sles/12", "sles12_64Guest"}, {"suse.com/sles/", "sles15_64Guest"}, {"opensuse.org/", "opensuse64Guest"}, {"fedoraproject.org/fedora/", "fedora64Guest"},
	{"freebsd.org/", "freebsd64Guest"},
}

// guestOf is what vSphere calls the system of a domain, as far as anybody told libvirt.
func guestOf(d *libvirtxml.Domain) string {
	if d.Metadata != nil {
		if m := osinfo.FindStringSubmatch(d.Metadata.XML); m != nil {
			for _, s := range systems {
				if strings.HasPrefix(m[1], s.id) {
					return s.guest
				}
			}
		}
	}
	if d.Features != nil && d.Features.HyperV != nil {
		return string(types.VirtualMachineGuestOsIdentifierWindows9_64Guest)
	}
	return string(types.VirtualMachineGuestOsIdentifierOtherGuest64)
}

// guestToVMX writes vSphere's name of a guest's system, as debian10_64Guest, as .vmx files have it: debian10-64.
func guestToVMX(id string) string {
	switch id {
	case "winLonghornGuest":
		return "longhorn"
	case "winLonghorn64Guest":
		return "longhorn-64"
	}
	s, bits := strings.ToLower(id), ""
	for _, end := range []string{"_64guest", "guest64", "64guest"} {
		if rest, ok := strings.CutSuffix(s, end); ok {
			s, bits = rest, "-64"
			break
		}
	}
	s = strings.TrimSuffix(s, "guest")
	if rest, ok := strings.CutSuffix(s, "server"); ok && strings.HasPrefix(s, "windows") {
		s = rest + "srv"
	}
	return s + bits
}

// guestFromVMX is the other way round; "" is none that is known.
func guestFromVMX(name string) string {
	for _, id := range types.VirtualMachineGuestOsIdentifier("").Values() {
		if strings.EqualFold(guestToVMX(string(id)), name) {
			return string(id)
		}
	}
	return ""
}
