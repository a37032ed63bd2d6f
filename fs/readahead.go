package fs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// setReadAhead sets how far the kernel reads ahead on the mount. FUSE's own limit cannot go above 128 KiB, the device's
// can, by root; for others it stays.
func setReadAhead(mountpoint string, bytes int) {
	var st unix.Stat_t
	if unix.Stat(mountpoint, &st) != nil {
		return
	}
	name := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(st.Dev), unix.Minor(st.Dev))
	if f, err := os.OpenFile(name, os.O_WRONLY, 0); err == nil {
		fmt.Fprint(f, bytes>>10)
		f.Close()
	}
}
