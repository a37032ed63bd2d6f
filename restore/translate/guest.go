package translate

import (
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

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
