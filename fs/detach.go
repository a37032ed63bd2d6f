package fs

import (
	"errors"
	"fmt"
	"os/exec"

	"golang.org/x/sys/unix"
)

// detach takes a mount out of the tree although it is in use: as root directly, else by fuse3's tool.
func detach(mountpoint string) error {
	err := unix.Unmount(mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	if out, err := exec.Command("fusermount3", "-u", "-z", mountpoint).CombinedOutput(); err != nil {
		return fmt.Errorf("fusermount3: %w: %s", err, out)
	}
	return nil
}
