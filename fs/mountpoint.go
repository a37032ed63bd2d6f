package fs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// checkMountPoint refuses what is not an empty directory, so that nothing is hidden by the mount.
func checkMountPoint(path string) error {
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		_, err = f.Readdirnames(1)
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return fmt.Errorf("%s is not empty: %w", path, ErrMountPoint)
	case errors.Is(err, syscall.ENOTCONN):
		return fmt.Errorf("%s is a mount whose server has died (umount it): %w", path, ErrMountPoint)
	}
	return fmt.Errorf("%w: %w", ErrMountPoint, err)
}
