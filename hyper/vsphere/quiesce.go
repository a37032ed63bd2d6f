package vsphere

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// Quiesce says how still a guest is held for a snapshot.
type Quiesce int

const (
	Nothing     Quiesce = iota // as if the power had failed
	FileSystems                // frozen by VMware Tools
	Programs                   // of Windows: they have written what they hold, by its shadow copies
)

// Quiescible tells how still a machine's guest can be held, as far as can be known beforehand, and why no more than that. Where VMware Tools do
// not run VMware ignores the wish, and the snapshot says all the same that it is quiesced: API reference, CreateSnapshotEx_Task. Programs are
// what the VDDK Programming Guide, "Windows Backup Implementations", has conditions for.
func (c *Conn) Quiescible(m *Machine) (q Quiesce, why string) {
	switch {
	case m.Power != "poweredOn":
		return Nothing, "the machine is " + m.Power
	case !m.Tools:
		return Nothing, "VMware Tools do not run in the guest"
	case m.Guest != string(types.VirtualMachineGuestOsFamilyWindowsGuest):
		return FileSystems, "VMware Tools hold programs still in Windows alone"
	case !c.atLeast(6, 5):
		return FileSystems, "vSphere is asked for it from version 6.5 on"
	case !m.extra("disk.EnableUUID", "true"):
		return FileSystems, "the machine's disk.EnableUUID is not TRUE"
	case slices.ContainsFunc(m.Disks, func(d Disk) bool { return d.Bus != "scsi" }):
		return FileSystems, "not all of its disks are on SCSI controllers"
	}
	return Programs, ""
}

// extra tells whether an option of the configuration has a value, whatever its case.
func (m *Machine) extra(key, value string) bool {
	return slices.ContainsFunc(m.Config.ExtraConfig, func(b types.BaseOptionValue) bool {
		o := b.GetOptionValue()
		s, ok := o.Value.(string)
		return ok && strings.EqualFold(o.Key, key) && strings.EqualFold(s, value)
	})
}

// atLeast compares the version of the server's interface.
func (c *Conn) atLeast(major, minor int) bool {
	a, rest, _ := strings.Cut(c.vim.ServiceContent.About.ApiVersion, ".")
	b, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	return err == nil && err2 == nil && (x > major || x == major && y >= minor)
}

// vssCopy is VSS_BT_COPY of VSS_BACKUP_TYPE: programs' logs stay as they are.
const vssCopy = 5

// startWindows begins a snapshot that takes part in Windows' shadow copies with all writers, or fails.
func (c *Conn) startWindows(ctx context.Context, machine Ref, name, description string) (Ref, error) {
	no := false
	r, err := methods.CreateSnapshotEx_Task(ctx, c.vim, &types.CreateSnapshotEx_Task{
		This: machine, Name: name, Description: description,
		QuiesceSpec: &types.VirtualMachineWindowsQuiesceSpec{
			VssBackupType: vssCopy, VssBootableSystemState: &no, VssPartialFileSupport: &no,
			VssBackupContext: string(types.VirtualMachineWindowsQuiesceSpecVssBackupContextCtx_backup),
		},
	})
	if err != nil {
		return Ref{}, err
	}
	return r.Returnval, nil
}
