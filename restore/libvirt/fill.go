package libvirt

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"vbfs/hyper/qemu"
	"vbfs/restore"
	"vbfs/restore/image"
	"vbfs/restore/machine"
	"vbfs/restore/raw"
)

// A job is a disk on its way to an image.
type job struct {
	disk   machine.Disk
	to     file
	how    string
	chain  []qemu.Info // of the image that is there, and all below it
	target restore.Target
	where  *restore.Marks
	done   *restore.Progress
}

// finisher is a target that can be made durable before it gets its name.
type finisher interface{ Finish() error }

// openFile begins an image that gets its name, or takes the place of the old one, when all is well.
func openFile(ctx context.Context, d machine.Disk, to file, overwrite bool) (restore.Target, error) {
	spec := restore.Spec{Size: d.Record.Size, Data: d.Amount.Data, Format: to.format, Overwrite: overwrite}
	if to.format == qemu.Raw {
		return opened(raw.Open(to.path, spec))
	}
	return opened(image.Open(ctx, to.path, spec))
}

// opened keeps a nil pointer of a target that was not opened from becoming an interface that is not nil.
func opened[T restore.Target](t T, err error) (restore.Target, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

// disksAtOnce bounds how many disks are written at once: enough to hide what one waits for.
const disksAtOnce = 2

// fill writes all images, and makes them durable. None has its name by then.
func fill(ctx context.Context, jobs []*job, o Options) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(disksAtOnce)
	for _, j := range jobs {
		g.Go(func() error {
			if err := j.fill(ctx, o); err != nil {
				return fmt.Errorf("disk %s: %w", j.disk.Record.Name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (j *job) fill(ctx context.Context, o Options) error {
	compare := j.how == machine.Compared || j.how == machine.ByBitmap
	to := restore.Options{Workers: o.Workers, Verify: o.Verify, Compare: compare, Where: j.where, Progress: j.done}
	if err := restore.Fill(ctx, j.disk.Image, j.target, to); err != nil {
		return err
	}
	if f, ok := j.target.(finisher); ok {
		return f.Finish()
	}
	return nil
}

// take has all images take effect, one after the other. made is told of each that did.
func take(jobs []*job, made func(*job)) error {
	for _, j := range jobs {
		if err := j.target.Sync(); err != nil {
			return fmt.Errorf("disk %s: %w", j.disk.Record.Name, err)
		}
		made(j)
	}
	return nil
}

// closeAll ends all targets. What did not take effect is gone.
func closeAll(jobs []*job) (err error) {
	for _, j := range jobs {
		if j.target != nil {
			err = errors.Join(err, j.target.Close())
		}
	}
	return err
}

// restored is what the user is told of a disk.
func (j *job) restored() machine.Restored {
	r := j.disk.Record
	all := j.done.Data.Load() + j.done.Zero.Load()
	return machine.Restored{
		Name: r.Name, Path: j.to.path, Format: j.to.format, Size: r.Size, Data: j.disk.Amount.Data, Written: all - j.done.Same.Load(), How: j.how,
	}
}
