package libvirt

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"vbfs/hyper/libvirt"
)

// threadsSafe is the first version of QEMU that outlives a client's leaving its NBD server while an iothread serves the
// disk. Before, as in Debian's 7.2.22, it ends with "nbd_blockdev_client_closed: Assertion `qemu_in_main_thread()", and the
// machine with it: whoever reads from the job does that, sooner or later.
const threadsSafe = 9

// outlives says no before a job begins that the machine would not outlive.
func (h *hold) outlives(ctx context.Context, iothreads bool) error {
	if !iothreads || h.state == libvirt.ShutOff {
		return nil
	}
	_, qemu, err := h.m.conn.Versions(ctx)
	if err != nil {
		return err
	}
	major, _, _ := strings.Cut(qemu, ".")
	if n, err := strconv.Atoi(major); err == nil && n >= threadsSafe {
		return nil
	}
	return fmt.Errorf("QEMU %s: %w", qemu, ErrIOThreads)
}
