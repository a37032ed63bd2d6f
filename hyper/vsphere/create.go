package vsphere

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// How long a machine may take to be made or changed: thick disks are reserved, and zeroed, meanwhile.
const changeTime = 24 * time.Hour

// CreateFolder makes a folder for machines, or others, below another one.
func (c *Conn) CreateFolder(ctx context.Context, parent Ref, name string) (Ref, error) {
	r, err := methods.CreateFolder(ctx, c.vim, &types.CreateFolder{This: parent, Name: name})
	if err != nil {
		return Ref{}, fmt.Errorf("make folder %s: %w", name, translate(err))
	}
	return r.Returnval, nil
}

// RemoveFolder removes a folder if nothing is in it: VMware would remove that, too. One that is gone is no error.
func (c *Conn) RemoveFolder(ctx context.Context, folder Ref) error {
	var f mo.Folder
	err := c.get(ctx, folder, &f, "childEntity")
	if err == nil && len(f.ChildEntity) == 0 {
		err = c.destroy(ctx, folder)
	}
	if err != nil && !errors.Is(err, ErrGone) {
		return fmt.Errorf("remove folder %s: %w", folder.Value, err)
	}
	return nil
}

func (c *Conn) destroy(ctx context.Context, ref Ref) error {
	r, err := methods.Destroy_Task(ctx, c.vim, &types.Destroy_Task{This: ref})
	if err == nil {
		_, err = c.within(ctx, removeTime, r.Returnval)
	}
	return translate(err)
}

// A Home is where a machine is made.
type Home struct {
	Folder, Pool Ref
	Host         *Ref // nil is the server's choice
}

// StartCreate begins to make a machine, and gives its task.
func (c *Conn) StartCreate(ctx context.Context, at Home, spec types.VirtualMachineConfigSpec) (task Ref, err error) {
	r, err := methods.CreateVM_Task(ctx, c.vim, &types.CreateVM_Task{This: at.Folder, Config: spec, Pool: at.Pool, Host: at.Host})
	if err != nil {
		return Ref{}, fmt.Errorf("make machine %s: %w", spec.Name, translate(err))
	}
	return r.Returnval, nil
}

// Created waits for the machine of a task.
func (c *Conn) Created(ctx context.Context, task Ref) (Ref, error) {
	result, err := c.within(ctx, changeTime, task)
	if err != nil {
		return Ref{}, fmt.Errorf("make the machine: %w", err)
	}
	ref, ok := result.(Ref)
	if !ok {
		return Ref{}, fmt.Errorf("make the machine: task %s gives no reference to it", task.Value)
	}
	return ref, nil
}

// Reconfigure changes a machine. It waits until that has happened, also when ctx ends meanwhile: then the server goes on.
func (c *Conn) Reconfigure(ctx context.Context, machine Ref, spec types.VirtualMachineConfigSpec) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx = context.WithoutCancel(ctx)
	r, err := methods.ReconfigVM_Task(ctx, c.vim, &types.ReconfigVM_Task{This: machine, Spec: spec})
	if err == nil {
		_, err = c.within(ctx, changeTime, r.Returnval)
	}
	if err != nil {
		return fmt.Errorf("change %s: %w", machine.Value, translate(err))
	}
	return nil
}

// Destroy removes a machine, which must be off, with the files of all its disks. One that is gone is no error.
func (c *Conn) Destroy(ctx context.Context, machine Ref) error {
	if err := c.destroy(ctx, machine); err != nil && !errors.Is(err, ErrGone) {
		return fmt.Errorf("remove machine %s: %w", machine.Value, err)
	}
	return nil
}

// ByInstance finds a machine by its instance UUID. None is ErrNoMachine.
func (c *Conn) ByInstance(ctx context.Context, uuid string) (Ref, error) {
	yes := true
	r, err := methods.FindByUuid(ctx, c.vim, &types.FindByUuid{This: *c.vim.ServiceContent.SearchIndex, Uuid: uuid, VmSearch: true, InstanceUuid: &yes})
	if err != nil {
		return Ref{}, fmt.Errorf("find machine %s: %w", uuid, translate(err))
	}
	if r.Returnval == nil {
		return Ref{}, fmt.Errorf("%w: %s", ErrNoMachine, uuid)
	}
	return *r.Returnval, nil
}

// PowerOn starts a machine.
func (c *Conn) PowerOn(ctx context.Context, machine Ref) error {
	r, err := methods.PowerOnVM_Task(ctx, c.vim, &types.PowerOnVM_Task{This: machine})
	if err == nil {
		_, err = c.within(ctx, createTime, r.Returnval)
	}
	if err != nil {
		return fmt.Errorf("power on: %w", translate(err))
	}
	return nil
}

// Child finds what of that name is right below a folder. A Ref without a Value is: nothing.
func (c *Conn) Child(ctx context.Context, folder Ref, name string) (Ref, error) {
	r, err := methods.FindChild(ctx, c.vim, &types.FindChild{This: *c.vim.ServiceContent.SearchIndex, Entity: folder, Name: name})
	if err != nil {
		return Ref{}, fmt.Errorf("find %s: %w", name, translate(err))
	}
	if r.Returnval == nil {
		return Ref{}, nil
	}
	return *r.Returnval, nil
}
