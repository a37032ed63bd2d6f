package vsphere

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	hyper "vbfs/hyper/vsphere"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/vmdk"
)

// bring imports a disk's image as a stream, into a throw-away machine that has no other disk, takes it from that machine, gives its files
// the name at.file, which it returns, and removes the machine. The disk is no machine's then: who brought it removes it if it is not wanted
// in the end. When it fails, what was made is gone, or is said to be left.
func (c *carrier) bring(ctx context.Context, at spot, d machine.Disk) (file string, err error) {
	if at.file == "" {
		at.file = fmt.Sprintf("[%s] vbfs-%s/%s.vmdk", at.store, random(), d.Record.Name)
	}
	for try := 1; ; try++ {
		done := c.progress.Disk()
		err := c.bringOnce(ctx, at, d, done)
		if err == nil {
			return at.file, nil
		}
		if try == bringTries || !again(err) || ctx.Err() != nil {
			return "", err
		}
		done.Data.Store(0)
		done.Zero.Store(0)
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(time.Duration(try) * cmp.Or(c.retryPause, bringPause)):
		}
	}
}

// A host that is busy answers 503 and cuts connections, for seconds. A stream cannot go on where it ended.
const (
	bringTries = 4
	bringPause = 2 * time.Second
)

// again tells whether an error was the transfer's, and not the image's, or of what the server refuses.
func again(err error) bool {
	var f *hyper.Fault
	return errors.Is(err, hyper.ErrLease) && !errors.As(err, &f)
}

func (c *carrier) bringOnce(ctx context.Context, at spot, d machine.Disk, done *restore.Progress) (err error) {
	var undo machine.Undo
	defer func() { err = undo.Unless(ctx, err) }()
	l, err := c.conn.Import(ctx, hyper.Home{Folder: at.folder, Pool: at.pool, Host: at.host}, at.spec(d.Record.Size))
	if err != nil {
		return err
	}
	completed := false
	undo.Add(func(ctx context.Context) error {
		var aborted error
		if !completed {
			aborted = l.Close(ctx, false)
		}
		err := c.conn.Destroy(ctx, l.Machine())
		if !completed && aborted == nil { // the server removes the machine by itself, and may be at it
			return nil
		}
		return errors.Join(aborted, err)
	})
	if err := c.send(ctx, l, d, done); err != nil {
		return err
	}
	if err := l.Close(context.WithoutCancel(ctx), true); err != nil {
		return err
	}
	completed = true
	return c.take(ctx, l.Machine(), at, d.Record.Size, &undo)
}

// send uploads a disk's image.
func (c *carrier) send(ctx context.Context, l *hyper.Lease, d machine.Disk, done *restore.Progress) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		out := &told{w, func() { l.Done(int(100 * done.Data.Load() / max(d.Amount.Data, 1))) }}
		err := vmdk.Stream(ctx, out, d.Image, vmdk.StreamOptions{Meta: vmdk.Meta{Name: d.Record.Name + ".vmdk"}, Workers: c.workers, Progress: done})
		w.CloseWithError(err)
		written <- err
	}()
	err := l.Upload(ctx, r)
	r.CloseWithError(errAway)
	if wrote := <-written; wrote != nil && !errors.Is(wrote, errAway) && !errors.Is(wrote, io.ErrClosedPipe) {
		return wrote // of the image, which is why the upload failed
	}
	return err
}

var errAway = errors.New("nobody takes the stream any more")

// told tells of each write.
type told struct {
	io.Writer
	tell func()
}

func (t *told) Write(p []byte) (int, error) {
	t.tell()
	return t.Writer.Write(p)
}

// take takes the disk from the throw-away machine.
func (c *carrier) take(ctx context.Context, ref hyper.Ref, at spot, size int64, undo *machine.Undo) error {
	m, err := c.conn.Machine(ctx, ref)
	if err != nil {
		return err
	}
	if len(m.Disks) != 1 || m.Disks[0].Capacity < size || m.Disks[0].Capacity >= size+slack {
		return fmt.Errorf("%w: machine %s has not the one disk of %d bytes that it was to have", hyper.ErrLease, m.Name, size)
	}
	file := m.Disks[0].File
	undo.Add(func(ctx context.Context) error { return c.discard(ctx, at, ref, file) })
	if err := c.conn.Unplug(ctx, m); err != nil {
		return err
	}
	err = c.conn.MoveDisk(ctx, at.folder, file, at.file)
	var said *hyper.Fault
	if !errors.As(err, &said) { // it has the name, or may have: what the server refused, is not done
		undo.Add(func(ctx context.Context) error { return c.discard(ctx, at, ref, at.file) })
	}
	if err != nil {
		return err
	}
	return c.conn.Destroy(ctx, ref)
}

// discard removes the files of a disk that was brought, unless a machine has it.
func (c *carrier) discard(ctx context.Context, at spot, ref hyper.Ref, file string) error {
	m, err := c.conn.Machine(ctx, ref)
	if err != nil && !errors.Is(err, hyper.ErrGone) {
		return err
	}
	if err == nil && has(m, file) {
		return nil // it goes, or stays, with the machine
	}
	return c.conn.DeleteDisk(ctx, at.folder, file)
}

func has(m *hyper.Machine, file string) bool {
	return slices.ContainsFunc(m.Disks, func(d hyper.Disk) bool { return d.File == file })
}
