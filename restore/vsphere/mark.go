package vsphere

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
)

// A mark is what a machine says that is being restored over, and the next restore finds of one that was killed.
type mark struct {
	Tracking bool     `json:"tracking"`           // change tracking was on
	Made     []string `json:"made,omitempty"`     // files that may be there, and the machine's or nobody's
	Replaced []string `json:"replaced,omitempty"` // files that were the machine's, and may be nobody's
}

// maxMark bounds what is read of it, in bytes.
const maxMark = 64 << 10

func setExtra(key, value string) types.VirtualMachineConfigSpec {
	return types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: key, Value: value}}}
}

// recover finds what a restore of this machine that was killed has left behind. What nobody can have used goes, the rest is named.
func (old *oldMachine) recover(ctx context.Context) (left mark, err error) {
	all, err := old.run.machines.get(ctx, old.conn.Machines)
	if err != nil {
		return left, err
	}
	notes, err := old.sweep(ctx, old.now.UUID, all)
	old.notes = append(old.notes, notes...)
	if err != nil {
		return left, err
	}
	text := spec.Extra(old.now.Config, spec.Restoring)
	if text == "" {
		return left, nil
	}
	old.note("an earlier restore of it was ended in the middle")
	if len(text) > maxMark || json.Unmarshal([]byte(text), &left) != nil {
		old.note("what that one has left is not known: its note in the machine's extra configuration cannot be understood")
		return mark{}, nil
	}
	for _, f := range left.Made {
		if err := old.discard(ctx, old.spot(&job{to: &hyper.Disk{}}), old.now.Ref, f); err != nil {
			old.note("it has left %s, which is no machine's: %v", f, err)
		}
	}
	for _, f := range left.Replaced {
		if !has(old.now, f) {
			old.note("it had replaced %s, which the machine does not have any more, and may be left", f)
		}
	}
	return left, nil
}

// sweep removes the throw-away machines of restores of a machine that were killed, and of any that is known to be gone. It names those of
// others, which may be at work.
func (c *carrier) sweep(ctx context.Context, whose string, all []hyper.Entry) (notes []string, err error) {
	for _, e := range all {
		switch {
		case strings.HasPrefix(e.Name, prefixFor(whose)), strings.HasPrefix(e.Name, prefix) && c.orphaned(ctx, e.Ref):
			notes = append(notes, c.remove(ctx, e)...)
		case strings.HasPrefix(e.Name, prefix):
			notes = append(notes, fmt.Sprintf("machine %s is of another restore, which is at work, or was killed", e.Path))
		}
	}
	return notes, ctx.Err()
}

// orphaned tells whether who made a throw-away machine is known to be gone, or it is gone itself.
func (c *carrier) orphaned(ctx context.Context, ref hyper.Ref) bool {
	m, err := c.conn.Machine(ctx, ref)
	if err != nil {
		return errors.Is(err, hyper.ErrGone)
	}
	u := unfinishedOf(m)
	return u != nil && u.By.Gone() && idle(m) == nil
}

// remove removes a throw-away machine, with the disk that it was made for. A host that was uploaded to keeps it until the lease has ended,
// and then removes it.
func (c *carrier) remove(ctx context.Context, e hyper.Entry) []string {
	m, err := c.conn.Machine(ctx, e.Ref)
	if errors.Is(err, hyper.ErrGone) {
		return nil
	}
	if err == nil && len(m.Disks) == 0 && m.Folder != nil { // the disk was taken from it, and has no other name yet, or is elsewhere
		err = c.conn.DeleteDisk(ctx, *m.Folder, strings.TrimSuffix(m.Config.Files.VmPathName, ".vmx")+".vmdk")
	}
	if err == nil {
		err = c.conn.Destroy(ctx, e.Ref)
	}
	if err != nil {
		return []string{fmt.Sprintf("machine %s is left of a restore that was killed; the server may remove it by itself: %v", e.Path, err)}
	}
	return nil
}

// untrack marks the machine, and switches change tracking off, if it is on: what writes past it makes all marks of changes of before
// worthless, and with another tracking each of them is refused. It gives what takes both back.
func (old *oldMachine) untrack(ctx context.Context, jobs []*job, left mark) (back func(error) error, err error) {
	m := mark{Tracking: old.now.Tracking || left.Tracking}
	for _, j := range jobs {
		if !old.library {
			j.file = beside(j.to.File)
			m.Made, m.Replaced = append(m.Made, j.file), append(m.Replaced, j.to.File)
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	back = func(failed error) error { return old.track(context.WithoutCancel(ctx), m.Tracking, failed) }
	if err := old.conn.Reconfigure(ctx, old.now.Ref, setExtra(spec.Restoring, string(text))); err != nil {
		return nil, err
	}
	if !old.now.Tracking {
		return back, nil
	}
	if err := old.conn.SetTracking(ctx, old.now, false); err != nil {
		return nil, errors.Join(err, back(err))
	}
	return back, nil
}

// trackTime bounds what is needed to switch change tracking on again.
const trackTime = 5 * time.Minute

// track switches change tracking on, if it was, and takes the mark from the machine. Of a restore that is done, that this cannot be is
// only worth a note.
func (old *oldMachine) track(ctx context.Context, on bool, failed error) error {
	ctx, cancel := context.WithTimeout(ctx, trackTime)
	defer cancel()
	m, err := old.conn.Machine(ctx, old.now.Ref)
	if err == nil && on && !m.Tracking {
		err = old.conn.SetTracking(ctx, m, true)
	}
	if err == nil {
		err = old.conn.Reconfigure(ctx, old.now.Ref, setExtra(spec.Restoring, ""))
	}
	if err != nil && failed == nil {
		old.note("its changed block tracking, which was on, may be off: %v", err)
		return nil
	}
	return err
}
