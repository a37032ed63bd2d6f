package machine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// undoTime bounds how long it takes to take everything back: a server may have much to do before it comes to us.
const undoTime = 5 * time.Minute

// An Undo takes back what was made, the last first.
type Undo struct{ steps []func(context.Context) error }

// Add adds a step, which takes back what is made next or was made last. It has a context of its own.
func (u *Undo) Add(step func(context.Context) error) { u.steps = append(u.steps, step) }

// File takes back a file that was made.
func (u *Undo) File(path string) {
	u.Add(func(context.Context) error { return Remove(path) })
}

// Unless takes everything back when err is not nil, and joins what fails meanwhile to it.
func (u *Undo) Unless(ctx context.Context, err error) error {
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

// Remove removes a file that may be gone already.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
