package index

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"vbfs/index/object"
)

// The reserve is bytes that are freed when the storage is full, so that what frees more can be recorded.
const reserveSize = 8 << 20

// makingRoom runs a write, and once more without the reserve when there was no room.
func (r *Repository) makingRoom(ctx context.Context, write func() error) error {
	err := write()
	if !full(err) {
		return err
	}
	if deleteErr := r.store.Delete(ctx, reserveName); deleteErr != nil {
		return errors.Join(err, ignoreMissing(deleteErr))
	}
	return write()
}

// keepReserve sees to the reserve. Without room for it there is none: the next collection tries again.
func (r *Repository) keepReserve(ctx context.Context) error {
	_, err := r.store.Stat(ctx, reserveName)
	if !errors.Is(err, object.ErrNotExist) {
		return err
	}
	err = putReserve(ctx, r.store)
	if full(err) || errors.Is(err, object.ErrExists) {
		return nil
	}
	return err
}

// putReserve stores bytes that no file system can compress.
func putReserve(ctx context.Context, s object.Store) error {
	junk := make([]byte, reserveSize)
	rand.Read(junk)
	if err := object.PutBytes(ctx, s, reserveName, junk); err != nil {
		return fmt.Errorf("store reserve: %w", err)
	}
	return nil
}

func ignoreExists(err error) error {
	if errors.Is(err, object.ErrExists) {
		return nil
	}
	return err
}
