package nbdsrv

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

const (
	firstActivated = 3   // SD_LISTEN_FDS_START of sd_listen_fds(3)
	maxActivated   = 256 // descriptors that are believed; more is a broken environment
)

// Activated gives the listeners that systemd (or libnbd, which does it the same way) passed to the process pid, from the
// values of the environment variables LISTEN_PID and LISTEN_FDS. When they are not meant for pid there are none. It
// takes the descriptors over: call it once.
func Activated(pid int, listenPID, listenFDs string) ([]net.Listener, error) {
	if listenPID == "" || listenFDs == "" || listenPID != strconv.Itoa(pid) {
		return nil, nil
	}
	n, err := strconv.Atoi(listenFDs)
	if err != nil || n < 1 || n > maxActivated {
		return nil, fmt.Errorf("socket activation: LISTEN_FDS %q is no number of descriptors", listenFDs)
	}
	var listeners []net.Listener
	for fd := firstActivated; fd < firstActivated+n; fd++ {
		l, err := activated(fd)
		if err != nil {
			for _, l := range listeners {
				err = errors.Join(err, l.Close())
			}
			return nil, fmt.Errorf("socket activation: descriptor %d: %w", fd, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// activated makes a listener of one descriptor. It works on a copy that children do not inherit.
func activated(fd int) (net.Listener, error) {
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "LISTEN_FD_"+strconv.Itoa(fd))
	defer f.Close()
	return net.FileListener(f)
}
