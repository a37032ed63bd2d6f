package vsim

import (
	"os"

	"golang.org/x/sys/unix"
)

// isHeld tells whether somebody reads a flat: a GET that is under way, or the VDDK double's nbdkit, which locks what it
// serves. Consolidation leaves such a disk as it is, as a real host must.
func isHeld(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// hold locks an open flat for a reader, until it is closed.
func hold(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_SH) }
