package vsphere

import (
	"context"
	"errors"
	"fmt"

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
	wait := context.WithoutCancel(ctx)
	task, err := n.conn.StartCreate(wait, hyper.Home{Folder: n.folder, Pool: n.pool.Ref, Host: &n.host.Ref}, n.plan.Spec)
	if err != nil {
		return err
	}
	if n.ref, err = n.conn.Created(wait, task); err != nil {
		return err
	}
	return ctx.Err()
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
	n.folder = folder
	return err
}

// destroy removes what there is of the machine, which nobody may know by its reference: then it is found by its instance UUID, which no other
// had before.
func (n *newMachine) destroy(ctx context.Context) error {
	if n.ref.Value != "" {
		return n.conn.Destroy(ctx, n.ref)
	}
	ref, err := n.conn.ByInstance(ctx, n.instance)
	if errors.Is(err, hyper.ErrNoMachine) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("it is not known whether there is a machine %s: %w", n.name, err)
	}
	return n.conn.Destroy(ctx, ref)
}
