package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vbfs/hyper/vsphere"
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
	reasons := unfit(t.m)
	missing, err := t.missing(ctx)
	if err != nil {
		return err
	}
	if missing != nil {
		return fmt.Errorf("%s: %w of %s: %s", t.m.Name, vsphere.ErrPrivilege, t.conn.User(), strings.Join(missing, ", "))
	}
	if reasons != nil {
		return fmt.Errorf("%s: %w: %s", t.m.Name, ErrUnfit, strings.Join(reasons, "; "))
	}
	return nil
}

// unfit gives the reasons for which VMware would refuse a snapshot.
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
	for _, d := range m.Disks {
		if d.Shared && leftOut(d) == "" {
			reasons = append(reasons, fmt.Sprintf("disk %s is shared with other machines, with which there are no snapshots", d.Name))
		}
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
