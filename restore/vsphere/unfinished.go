package vsphere

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/process"
	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
)

// An unfinished is what a machine says that is being made, and the next restore finds when that was killed. A throw-away machine says by whom alone.
type unfinished struct {
	By       process.ID `json:"by"`
	Since    time.Time  `json:"since"`
	Instance string     `json:"instance,omitempty"` // the machine's UUID: a clone's is another
	Disks    []string   `json:"disks,omitempty"`    // that it is to have, by their places
	Folders  []string   `json:"folders,omitempty"`  // that were made for it, by reference, from the top
	Files    []string   `json:"files,omitempty"`    // of disks that are brought, which may be no machine's yet
}

// mark is the extra configuration that says it.
func (u *unfinished) mark() types.BaseOptionValue {
	text, _ := json.Marshal(u) // of strings and numbers
	return &types.OptionValue{Key: spec.Unfinished, Value: string(text)}
}

// unfinishedOf reads a machine's mark. nil is: it has none. One that cannot be understood is nobody's.
func unfinishedOf(m *hyper.Machine) *unfinished {
	text := spec.Extra(m.Config, spec.Unfinished)
	if text == "" {
		return nil
	}
	u := new(unfinished)
	if len(text) > maxMark || json.Unmarshal([]byte(text), u) != nil {
		return new(unfinished)
	}
	return u
}

// String says whose the machine is.
func (u *unfinished) String() string {
	if u.By.PID == 0 {
		return "by whom cannot be read"
	}
	return fmt.Sprintf("by %s, since %s", u.By, u.Since.UTC().Format(time.RFC3339))
}

// kept says why only an administrator may remove the machine; "" is: the restore that was making it is known to be gone, and nobody has
// taken the machine in hand since.
func (u *unfinished) kept(m *hyper.Machine) string {
	switch {
	case !u.By.Gone():
		return "which is at work, or is not known to have ended"
	case m.Template || idle(m) != nil:
		return "which has ended, and somebody uses the machine: it is on, a template, or has snapshots"
	case !strings.EqualFold(u.Instance, m.UUID):
		return "which has ended, of another machine, by its instance UUID: this may be a clone"
	}
	for _, d := range m.Disks {
		if !slices.Contains(u.Disks, d.Name) {
			return fmt.Sprintf("which has ended, and disk %s is somebody else's", d.Name)
		}
	}
	return ""
}

// brand has the machine say which files are brought for it, before the first of them is there.
func (n *newMachine) brand(ctx context.Context) error {
	for _, d := range n.disks {
		n.mark.Files = append(n.mark.Files, d.at.file)
	}
	return n.conn.Reconfigure(ctx, n.ref, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{n.mark.mark()}})
}

// wholeTries is how often it is tried to take the mark off: a machine that keeps it would be removed by another restore.
const wholeTries = 3

// whole takes the mark from the machine. It comes before anybody can use it.
func (n *newMachine) whole(ctx context.Context) (err error) {
	for range wholeTries {
		if err = n.conn.Reconfigure(ctx, n.ref, setExtra(spec.Unfinished, "")); err == nil {
			return nil
		}
		if stop := pause(ctx); stop != nil {
			return stop
		}
	}
	return err
}
