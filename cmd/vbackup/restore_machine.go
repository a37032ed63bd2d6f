package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"vbfs/cmd/internal/cli"
	vm "vbfs/restore/machine"
)

// toLibvirt is the target that is a machine of libvirt's.
const toLibvirt = "libvirt:"

// machineFlags say what a machine becomes that is restored whole.
type machineFlags struct {
	connect string
	name    string
	storage []string
	delta   bool
	keepIDs bool
	newIDs  bool
	powerOn bool
}

func (m *machineFlags) add(f *pflag.FlagSet) {
	f.StringVar(&m.connect, "connect", "", "libvirt at this `URI` (default qemu:///system)")
	f.StringVar(&m.name, "name", "", "of the machine (default as it was)")
	f.StringArrayVar(&m.storage, "storage", nil, "of a new machine's disks: directory, named with a slash, or storage pool of libvirt; `DATASTORE` of VMware, or DISK=DATASTORE for one disk")
	f.BoolVar(&m.delta, "delta", false, "with --overwrite: write what differs, into the images or disks as they are")
	f.BoolVar(&m.keepIDs, "keep-ids", false, "keep the machine's UUID and network addresses under another name, too")
	f.BoolVar(&m.newIDs, "new-ids", false, "give the machine a new UUID and new network addresses in any case")
	f.BoolVar(&m.powerOn, "power-on", false, "start the new machine of libvirt's or VMware's in the end")
}

// said tells whether any of them was given.
func (m *machineFlags) said() bool {
	return m.connect != "" || m.name != "" || m.storage != nil || m.delta || m.keepIDs || m.newIDs || m.powerOn
}

// check refuses what does not go together.
func (m *machineFlags) check(to, format string, overwrite bool) error {
	if !strings.HasPrefix(to, toLibvirt) {
		if m.said() {
			return cli.Usage("--connect, --name, --storage, --delta, --keep-ids, --new-ids and --power-on are for the targets libvirt: and vsphere:, some for vmware:")
		}
		return nil
	}
	switch {
	case len(m.storage) > 1:
		return cli.Usage("libvirt's images lie in one place: give --storage once")
	case to != toLibvirt:
		return cli.Usage("the target is libvirt: alone: name the machine with --name %s", strings.TrimPrefix(to, toLibvirt))
	case m.keepIDs && m.newIDs:
		return cli.Usage("--keep-ids and --new-ids are each other's opposite")
	case m.delta && !overwrite:
		return cli.Usage("--delta writes into a machine that is there: say --overwrite with it")
	case overwrite && (m.storage != nil || format != "" || m.keepIDs || m.newIDs || m.powerOn):
		return cli.Usage("with --overwrite the machine stays where and what it is: leave --storage, --format, --keep-ids, --new-ids and --power-on out")
	case !overwrite && m.storage == nil:
		return cli.Usage("a new machine's images need a place: name a directory or a storage pool with --storage; or --overwrite the machine that is there")
	case format != "" && !slices.Contains([]string{"raw", "qcow2"}, format):
		return cli.Usage("images of a machine are raw or qcow2, not %s", format)
	}
	return nil
}

// ids is what becomes of the machine's IDs.
func (m *machineFlags) ids() vm.IDs {
	switch {
	case m.keepIDs:
		return vm.KeepIDs
	case m.newIDs:
		return vm.NewIDs
	}
	return vm.AutoIDs
}
