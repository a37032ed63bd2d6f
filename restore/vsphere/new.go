package vsphere

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/translate"
)

// A newMachine is one on its way.
type newMachine struct {
	*carrier
	place
	run   *Run
	m     machine.Machine
	o     Options
	info  *types.VirtualMachineConfigInfo
	was   record
	site  *hyper.Site
	disks []newDisk
	notes []string

	name           string // as the inventory has it
	uuid, instance string
	fresh          bool
	there          map[string]bool // files that drives hold
	plan           *spec.Plan
	going          []hyper.Ref // machines that would be removed first
	made           []hyper.Ref // folders
	mark           *unfinished // that the machine has
	ref            hyper.Ref   // when it is made
	task           hyper.Ref   // that makes it
	refused        bool        // there is none, and no machine
	short          []string
	undo           machine.Undo
}

// A newDisk is one of the point that the machine is to have.
type newDisk struct {
	machine.Disk
	was  hyper.Disk // as it was recorded
	at   spot       // that it is brought to
	done machine.Restored
}

func (d *newDisk) name() string { return d.Record.Name }

// New makes a machine of a point: by its recorded configuration, with all disks that the point has. When it fails, what it made is gone;
// what was there before is never touched.
func (r *Run) New(ctx context.Context, m machine.Machine, o Options) (made *machine.Result, err error) {
	n := &newMachine{run: r, m: m, o: o}
	if err := n.begin(ctx); err != nil {
		return nil, err
	}
	if n.site, err = r.site.get(ctx, r.conn.Site); err != nil {
		return nil, err
	}
	if err := n.settle(ctx); err != nil {
		return nil, err
	}
	if o.Foresee {
		return n.foreseen(), nil
	}
	if err := n.build(ctx); err != nil {
		r.forget()
		return nil, err
	}
	r.grew(ctx, n)
	made = &machine.Result{Name: n.name, UUID: n.instance, Path: n.path + "/" + n.name, Notes: append(n.notes, n.plan.Notes...), Short: n.short}
	for _, d := range n.disks {
		made.Disks = append(made.Disks, d.done)
	}
	return made, nil
}

// build makes what was settled.
func (n *newMachine) build(ctx context.Context) (err error) {
	defer func() { err = n.undo.Unless(ctx, err) }()
	for _, step := range []func(context.Context) error{n.create, n.bringAll, n.finish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (n *newMachine) note(format string, args ...any) {
	n.notes = append(n.notes, fmt.Sprintf(format, args...))
}

// begin reads what was recorded, and finds out how disks are brought.
func (n *newMachine) begin(ctx context.Context) error {
	hardware, err := translate.Config(n.m)
	if err != nil {
		return err
	}
	if n.info = hardware.Config; spec.Check(n.info) != nil {
		return fmt.Errorf("%w: %w", machine.ErrBadDefinition, spec.Check(n.info))
	}
	n.notes = append(n.notes, hardware.Notes...)
	if n.was, err = readRecord(n.m); err != nil {
		return err
	}
	if len(n.m.Disks) == 0 {
		return fmt.Errorf("%s: %w", n.m.Point.Name, machine.ErrNoDisk)
	}
	if n.o.Format != "" && !slices.Contains(spec.Formats, n.o.Format) {
		return fmt.Errorf("%w: disks of VMware's are %s, not %s", restore.ErrUnsupported, strings.Join(spec.Formats, ", "), n.o.Format)
	}
	n.match(hardware.Disks)
	carrier, note, err := n.run.carrier(ctx, n.o)
	if err != nil {
		return err
	}
	if n.carrier = carrier; note != "" {
		n.note("%s", note)
	}
	return nil
}

// match finds the recorded disks of the point's. One whose controller cannot be made is not restored.
func (n *newMachine) match(keys map[string]int32) {
	plan := spec.Make(n.info, spec.Wish{})
	taken := map[int32]bool{}
	for _, d := range n.m.Disks {
		key, ok := keys[d.Record.Name]
		was := plan.Recorded(key)
		if !ok || was == nil {
			n.short = append(n.short, fmt.Sprintf("disk %s is not restored: the recorded machine has no place for it; restore it to a file", d.Record.Name))
			continue
		}
		taken[key] = true
		n.disks = append(n.disks, newDisk{Disk: d, was: *was})
	}
	slices.SortStableFunc(n.disks, func(a, b newDisk) int { return cmp.Compare(a.was.Key, b.was.Key) }) // so files get their names as before
	for _, d := range hyper.Disks(n.info.Hardware.Device) {
		if !taken[d.Key] && plan.Recorded(d.Key) != nil {
			n.note("disk %s is left out: the point has no image of it", d.Name)
		}
	}
}

// settle finds a place for everything, and refuses what cannot be, before anything is made.
func (n *newMachine) settle(ctx context.Context) error {
	if err := n.locate(); err != nil {
		return err
	}
	if err := n.vacate(ctx); err != nil {
		return err
	}
	for _, step := range []func() error{n.vacant, n.assign, n.store, n.connect, n.settleHost, n.identify} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := n.allowed(ctx); err != nil {
		return err
	}
	if err := n.media(ctx); err != nil {
		return err
	}
	n.plan = spec.Make(n.info, spec.Wish{
		Name: n.name, UUID: n.uuid, Instance: n.instance, Files: "[" + n.home.Name + "]", Fresh: n.fresh,
		Has: func(file string) bool { return n.there[file] }, Network: n.backing,
	})
	return nil
}

// What an account needs to make a machine, by where. vSphere Security, "Required Privileges for Common Tasks".
var (
	inFolder = []string{"VirtualMachine.Inventory.Create", "VirtualMachine.Config.AddNewDisk", "VirtualMachine.Config.AdvancedConfig"}
	inPool   = []string{"Resource.AssignVMToPool"}
	inStore  = []string{"Datastore.AllocateSpace"}
)

// allowed says which privileges are missing, all at once.
func (n *newMachine) allowed(ctx context.Context) error {
	asked := map[hyper.Ref][]string{n.folder: inFolder, n.pool.Ref: inPool, n.home.Ref: inStore}
	for _, s := range n.stores {
		asked[s.Ref] = inStore
	}
	lacking, err := n.conn.LackingOn(ctx, asked)
	if err != nil {
		return err
	}
	var missing []string
	for on, privileges := range lacking {
		for _, p := range privileges {
			missing = append(missing, p+" on "+on.Value)
		}
	}
	slices.Sort(missing)
	if missing != nil {
		return fmt.Errorf("%w of %s: %s", hyper.ErrPrivilege, n.conn.User(), strings.Join(missing, ", "))
	}
	return nil
}
