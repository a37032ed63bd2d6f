package vsphere

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vbfs/hyper/process"
	hyper "vbfs/hyper/vsphere"
)

// create makes the folders and the machine. What is asked of the server is waited for, also when ctx ends meanwhile: else nobody would
// know what to remove.
func (n *newMachine) create(ctx context.Context) (err error) {
	for _, name := range n.missing {
		if err := n.createFolder(ctx, name); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	n.undo.Add(n.destroy)
	n.plan.Spec.ExtraConfig = append(n.plan.Spec.ExtraConfig, n.birth().mark())
	wait := context.WithoutCancel(ctx)
	if n.task, err = n.conn.StartCreate(wait, hyper.Home{Folder: n.folder, Pool: n.pool.Ref, Host: &n.host.Ref}, n.plan.Spec); err != nil {
		n.refused = errors.As(err, new(*hyper.Fault))
		return err
	}
	if n.ref, err = n.conn.Created(wait, n.task); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// birth is what the machine says from its first moment.
func (n *newMachine) birth() *unfinished {
	n.mark = &unfinished{By: process.Self(), Since: time.Now(), Instance: n.instance}
	for _, d := range n.disks {
		n.mark.Disks = append(n.mark.Disks, d.was.Name)
	}
	for _, f := range n.made {
		n.mark.Folders = append(n.mark.Folders, f.Value)
	}
	return n.mark
}

func (n *newMachine) createFolder(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	parent, folder, refused := n.folder, hyper.Ref{}, false
	n.undo.Add(func(ctx context.Context) (err error) {
		if folder.Value == "" && !refused { // it may have been made all the same
			folder, err = n.conn.Child(ctx, parent, name)
		}
		if err != nil || folder.Value == "" {
			return err
		}
		return n.conn.RemoveFolder(ctx, folder)
	})
	var err error
	folder, err = n.conn.CreateFolder(context.WithoutCancel(ctx), parent, name)
	refused = errors.As(err, new(*hyper.Fault))
	n.folder, n.made = folder, append(n.made, folder)
	return err
}

// How long it is looked for a machine of which nobody knows whether it was made, and how often: the server may be at it still.
const (
	lookTime  = 10 * time.Second
	lookPause = 500 * time.Millisecond
)

// destroy removes what there is of the machine.
func (n *newMachine) destroy(ctx context.Context) error {
	if err := n.find(ctx); err != nil {
		return fmt.Errorf("it is not known whether there is a machine %s: %w", n.name, err)
	}
	for n.ref.Value != "" {
		err := n.conn.Destroy(ctx, n.ref)
		if !errors.Is(err, hyper.ErrBusy) || pause(ctx) != nil { // with what it was asked for last
			return err
		}
	}
	return nil
}

// find finds the machine when nobody knows its reference: by the task, else by its instance UUID, which no other had before, until the
// server must be done with what it was asked.
func (n *newMachine) find(ctx context.Context) (err error) {
	if n.ref.Value == "" && n.task.Value != "" {
		n.ref, _ = n.conn.Created(ctx, n.task) // when it has failed, there is none
	}
	for end := time.Now().Add(lookTime); n.ref.Value == "" && !n.refused; {
		n.ref, err = n.conn.ByInstance(ctx, n.instance)
		if err != nil && !errors.Is(err, hyper.ErrNoMachine) {
			return err
		}
		if err != nil && (n.task.Value != "" || time.Now().After(end) || pause(ctx) != nil) {
			return nil
		}
	}
	return nil
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(lookPause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
