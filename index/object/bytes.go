package object

import (
	"context"
	"fmt"
)

// PutBytes stores b under name: ErrExists when the name is taken.
func PutBytes(ctx context.Context, s Store, name string, b []byte) error {
	u, err := s.PutIfAbsent(ctx, name)
	if err != nil {
		return err
	}
	defer u.Abort()
	if _, err := u.Write(b); err != nil {
		return err
	}
	return u.Commit()
}

// GetAll reads a whole object of at most max bytes: ErrTooLarge when it has more.
func GetAll(ctx context.Context, s Store, name string, max int64) ([]byte, error) {
	info, err := s.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if info.Size > max {
		return nil, fmt.Errorf("get %s: %w: %d bytes, at most %d expected", name, ErrTooLarge, info.Size, max)
	}
	b := make([]byte, info.Size)
	if err := s.Get(ctx, name, b, 0); err != nil {
		return nil, err
	}
	return b, nil
}
