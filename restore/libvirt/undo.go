package libvirt

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// undoTime bounds how long it takes to take everything back.
const undoTime = time.Minute

// An undo takes back what was made, the last first.
type undo struct{ steps []func(context.Context) error }

func (u *undo) add(step func(context.Context) error) { u.steps = append(u.steps, step) }

// file takes back a file that was made.
func (u *undo) file(path string) {
	u.add(func(context.Context) error { return remove(path) })
}

// unless takes everything back when err is not nil, and joins what fails meanwhile to it.
func (u *undo) unless(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	for i := len(u.steps) - 1; i >= 0; i-- {
		err = errors.Join(err, u.steps[i](ctx))
	}
	return err
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
