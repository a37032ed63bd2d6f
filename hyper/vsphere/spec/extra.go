package spec

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// ownKeys are extra settings that only the recorded machine can have, or that its host noted down for itself; ownPrefixes begin such, and
// ownSuffixes end them. All are compared in lower case, as VMware does.
var (
	ownKeys = []string{
		"annotation", "changetrackingenabled", "checkpoint.vmstate", "cleanshutdown", "ctkenabled", "datafilekey", "extendedconfigfile",
		"guestos.detailed.data", "guestinfo.appinfo", "guestinfo.detailed.data", "monitor.phys_bits_used", "nvram", "softpoweroff", "sched.swap.derivedname",
		"tools.remindinstall", "vc.uuid", "vm.genid", "vm.genidx", "vmxstats.filename",
	}
	ownPrefixes = []string{
		"encryption.", "guestinfo.vmtools.", "migrate.", "replay.", "toolsinstallmanager.", "uuid.", "vbfs.", "viv.", "vmotion.", "vtpm.",
	}
	ownSuffixes = []string{".ctkenabled", ".redo", ".filename", ".generatedaddress", ".generatedaddressoffset"}
)

// choices look like such, and are an administrator's.
var choices = []string{"uuid.action"}

// extra carries over what the administrator, or the guest, has set beside everything that has a field.
func (p *Plan) extra() {
	for _, o := range p.info.ExtraConfig {
		if o == nil || isOwn(strings.ToLower(o.GetOptionValue().Key)) {
			continue
		}
		p.Spec.ExtraConfig = append(p.Spec.ExtraConfig, o)
	}
}

func isOwn(key string) bool {
	if slices.Contains(choices, key) {
		return false
	}
	return slices.Contains(ownKeys, key) ||
		slices.ContainsFunc(ownPrefixes, func(s string) bool { return strings.HasPrefix(key, s) }) ||
		slices.ContainsFunc(ownSuffixes, func(s string) bool { return strings.HasSuffix(key, s) })
}

// Where a machine says in its extra configuration that a restore of ours is at work on it. One that was killed leaves it.
const (
	Unfinished = "vbfs.unfinished" // it is being made: from its first moment until it is whole
	Restoring  = "vbfs.restore"    // its disks are being written over
)

// Extra is a machine's extra setting, "" if it has none.
func Extra(info *types.VirtualMachineConfigInfo, key string) string {
	for _, o := range info.ExtraConfig {
		if v := o.GetOptionValue(); strings.EqualFold(v.Key, key) {
			s, _ := v.Value.(string)
			return s
		}
	}
	return ""
}
