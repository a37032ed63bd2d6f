package libvirt

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"libvirt.org/go/libvirtxml"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore/machine"
)

// A newMachine is one on its way.
type newMachine struct {
	conn     *hyper.Conn
	m        machine.Machine
	o        Options
	recorded *libvirtxml.Domain
	host     host
	name     string
	uuid     string
	fresh    bool
	networks map[string]bool // those of the recorded machine that are active here
	undo     machine.Undo
}

// New makes a machine of a point: its disks, the files that it starts from, its definition. When it fails, what it made is
// gone; what was there before is never touched.
func New(ctx context.Context, conn *hyper.Conn, m machine.Machine, o Options) (r *machine.Result, err error) {
	as, err := asNative(ctx, conn, m)
	if err != nil {
		return nil, err
	}
	n := &newMachine{conn: conn, m: as.Machine, o: o}
	if err := n.begin(ctx); err != nil {
		return nil, err
	}
	if o.Foresee {
		r, err := n.foresee(ctx)
		if err != nil {
			return nil, err
		}
		return as.finish(r), nil
	}
	defer func() { err = n.undo.Unless(ctx, err) }()
	jobs, err := n.images(ctx)
	if err != nil {
		return nil, err
	}
	xml, notes, err := n.definition(ctx, jobs)
	if err != nil {
		return nil, err
	}
	if err := n.define(ctx, xml); err != nil {
		return nil, err
	}
	r = &machine.Result{Name: n.name, UUID: n.uuid, Notes: append(notes, n.host.settle(ctx)...)}
	for _, j := range jobs {
		r.Disks = append(r.Disks, j.restored())
	}
	if ctx.Err() != nil { // a restore that was called off does not take effect
		return nil, context.Cause(ctx)
	}
	if o.PowerOn {
		if err := n.start(ctx); err != nil {
			r.Short = append(r.Short, "it is not powered on: "+err.Error())
		}
	}
	return as.finish(r), nil
}

// begin finds out what is to be made, and refuses what cannot be.
func (n *newMachine) begin(ctx context.Context) (err error) {
	text := n.m.Config(kindDomain)
	switch {
	case text == nil:
		return fmt.Errorf("%s: %w", n.m.Point.Name, machine.ErrNoDefinition)
	case len(n.m.Disks) == 0:
		return fmt.Errorf("%s: %w", n.m.Point.Name, machine.ErrNoDisk)
	}
	if n.recorded, err = parse(string(text)); err != nil {
		return err
	}
	if err := n.identify(ctx); err != nil {
		return err
	}
	if n.host, err = findHost(ctx, n.conn, n.o.Storage, n.recorded.OS.Type); err != nil {
		return err
	}
	if err := n.look(ctx); err != nil {
		return err
	}
	return n.host.room(ctx, n.m.Data())
}

// identify chooses the machine's name and IDs.
func (n *newMachine) identify(ctx context.Context) error {
	n.name, n.uuid = n.recorded.Name, n.recorded.UUID
	if n.o.Name != "" {
		n.name = n.o.Name
	}
	if taken, err := n.taken(ctx, n.name); err != nil {
		return err
	} else if taken {
		return fmt.Errorf("%s: %w", n.name, machine.ErrExists)
	}
	taken, err := n.taken(ctx, n.uuid)
	if err != nil {
		return err
	}
	if n.fresh, err = n.o.IDs.Fresh(n.name, n.recorded.Name, taken); err != nil {
		return err
	}
	if n.fresh {
		n.uuid = uuid.NewString()
	}
	return nil
}

func (n *newMachine) taken(ctx context.Context, nameOrUUID string) (bool, error) {
	_, err := n.conn.Domain(ctx, nameOrUUID)
	if errors.Is(err, hyper.ErrNoDomain) {
		return false, nil
	}
	return true, err
}

// definition puts the recorded files back, and makes the XML of the machine that has them.
func (n *newMachine) definition(ctx context.Context, jobs []*job) (xml string, notes []string, err error) {
	puts := n.files(ctx)
	for _, p := range puts {
		if err := n.host.put(ctx, p.path, p.content); err != nil {
			return "", nil, fmt.Errorf("%s: %w", p.kind, err)
		}
		n.made(p.path)
	}
	xml, notes, err = n.adjusted(ctx, jobs, puts)
	if err != nil {
		return "", nil, err
	}
	more, err := n.tpm(ctx)
	return xml, append(notes, more...), err
}

// adjusted is the XML of the machine with these disks and files.
func (n *newMachine) adjusted(ctx context.Context, jobs []*job, puts []put) (xml string, notes []string, err error) {
	c := change{name: n.name, uuid: n.uuid, fresh: n.fresh, disks: map[string]file{}, files: map[string]string{}}
	c.has = func(kind, name string) presence { return n.has(ctx, kind, name) }
	for _, j := range jobs {
		c.disks[j.disk.Record.Name] = j.to
	}
	for _, p := range puts {
		c.files[p.kind] = p.path
	}
	return adjust(string(n.m.Config(kindDomain)), string(n.m.Config(kindLive)), c)
}

// start is after all is done: the machine stays if it does not start.
func (n *newMachine) start(ctx context.Context) error {
	d, err := n.conn.Domain(ctx, n.uuid)
	if err != nil {
		return err
	}
	return d.Start(ctx)
}

// define is the last that can fail. Whether it took effect is not known when the connection was lost meanwhile.
func (n *newMachine) define(ctx context.Context, xml string) error {
	n.undo.Add(func(ctx context.Context) error {
		d, err := n.conn.Domain(ctx, n.uuid)
		if errors.Is(err, hyper.ErrNoDomain) {
			return nil
		}
		if err != nil {
			return err
		}
		return d.Undefine(ctx)
	})
	_, err := n.conn.Create(ctx, xml)
	return err
}
