package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
)

// What an account needs, by what is done. VMware's VDDK Programming Guide, "Credentials and Privileges for VMDK Access".
var (
	toSnapshot = []string{"VirtualMachine.State.CreateSnapshot", "VirtualMachine.State.RemoveSnapshot"}
	toTrack    = []string{"VirtualMachine.Provisioning.DiskRandomRead"}
	toEnable   = []string{"VirtualMachine.Config.ChangeTracking"}
	toRead     = map[string][]string{
		VDDK: {"VirtualMachine.Provisioning.DiskRandomRead"},
		NFC:  {"VirtualMachine.Provisioning.GetVmFiles"},
	}
	toReadFiles = []string{"Datastore.Browse", "Datastore.FileManagement"} // on the datastores
)

// preflight says why the machine cannot be captured, all reasons at once.
func (t *taking) preflight(ctx context.Context) error {
	missing, err := t.missing(ctx)
	if err != nil {
		return err
	}
	if missing != nil {
		return fmt.Errorf("%s: %w of %s: %s", t.m.Name, vsphere.ErrPrivilege, t.conn.User(), strings.Join(missing, ", "))
	}
	if reasons := t.unfit(); reasons != nil {
		return fmt.Errorf("%s: %w: %s", t.m.Name, ErrUnfit, strings.Join(reasons, "; "))
	}
	if unread := t.unread(); unread != nil {
		return fmt.Errorf("%s: %w: %s", t.m.Name, ErrTransport, strings.Join(unread, "; "))
	}
	return nil
}

// unfit gives the reasons for which there would be no snapshot, or nothing in it.
func (t *taking) unfit() []string {
	reasons := unfit(t.m)
	if len(t.wanted()) == 0 {
		reasons = append(reasons, "it has no disk that a snapshot holds and that is not left out")
	}
	return reasons
}

// wanted are the disks that are to be captured and that a snapshot holds.
func (t *taking) wanted() (out []vsphere.Disk) {
	for _, d := range t.m.Disks {
		if leftOut(d) == "" && (t.o.Skip == nil || t.o.Skip(d.Name) == "") {
			out = append(out, d)
		}
	}
	return out
}

// unread says why no disk can be read; nil is that some can.
func (t *taking) unread() (reasons []string) {
	for _, d := range t.wanted() {
		why := t.unreadable(d)
		if why == "" {
			return nil
		}
		reasons = append(reasons, fmt.Sprintf("disk %s: %s", d.Name, why))
	}
	return reasons
}

// unreadable says why no transport can read a disk, as far as is seen before the snapshot; "" is that one can.
func (t *taking) unreadable(d vsphere.Disk) string {
	var reasons []string
	for _, by := range t.transports() {
		why := t.refuses(by, d)
		if why == "" {
			return ""
		}
		reasons = append(reasons, fmt.Sprintf("transport %s: %s", by, why))
	}
	return strings.Join(reasons, "; ")
}

// refuses says why a transport cannot read a disk, before there is a snapshot of ours.
func (t *taking) refuses(by string, d vsphere.Disk) string {
	if by != HTTPS || slices.ContainsFunc(t.m.Snapshots, t.ours) { // which go first, and the disk is another then
		return ""
	}
	return unflat(d, t.m.Chain(d.Key))
}

// unfit gives the reasons for which VMware itself would refuse a snapshot, or we do.
func unfit(m *vsphere.Machine) (reasons []string) {
	if m.Template {
		reasons = append(reasons, "it is a template: make a machine of it first")
	}
	if m.Fault {
		reasons = append(reasons, "fault tolerance is on, with which there are no snapshots")
	}
	if m.Merge {
		reasons = append(reasons, "its disks need consolidation: run that in the vSphere client first")
	}
	reasons = append(reasons, half(m)...)
	for _, d := range m.Disks {
		if d.Shared && leftOut(d) == "" {
			reasons = append(reasons, fmt.Sprintf("disk %s is shared with other machines, with which there are no snapshots", d.Name))
		}
	}
	return reasons
}

// half tells of a machine that a restore has not done with: its point would be neither what was nor what is to be.
func half(m *vsphere.Machine) (reasons []string) {
	if spec.Extra(m.Config, spec.Unfinished) != "" {
		reasons = append(reasons, "a restore that makes it is at work, or was killed: restore it again, or delete it")
	}
	if spec.Extra(m.Config, spec.Restoring) != "" {
		reasons = append(reasons, fmt.Sprintf("a restore over it is at work, or was killed: restore it again, or take %s out of its extra configuration", spec.Restoring))
	}
	return reasons
}

// leftOut says why a snapshot does not hold a disk, or "".
func leftOut(d vsphere.Disk) string {
	switch {
	case d.Independent:
		return "it is independent, so that no snapshot holds it"
	case d.Physical:
		return "it is a raw device in physical mode, so that no snapshot holds it"
	}
	return ""
}

// missing lists the privileges that the account lacks for what is to be done.
func (t *taking) missing(ctx context.Context) ([]string, error) {
	asked := slices.Clone(toSnapshot)
	if t.m.Tracking || t.o.EnableCBT {
		asked = append(asked, toTrack...)
	}
	if t.o.EnableCBT && !t.m.Tracking {
		asked = append(asked, toEnable...)
	}
	asked = append(asked, toRead[t.transport]...)
	slices.Sort(asked)
	missing, err := t.conn.Lacking(ctx, t.m.Ref, slices.Compact(asked))
	if err != nil || t.transport != HTTPS {
		return missing, err
	}
	for _, d := range t.m.Datastores {
		more, err := t.conn.Lacking(ctx, d, toReadFiles)
		if err != nil {
			return nil, err
		}
		for _, p := range more {
			missing = append(missing, p+" on "+d.Value)
		}
	}
	return missing, nil
}
