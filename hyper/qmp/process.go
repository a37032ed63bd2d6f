package qmp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"vbfs/hyper/process"
)

// A Process is one that listens on a socket, told from all that ever had its number. The zero value is one that is not known.
type Process struct {
	PID      int
	UID, GID int
	Start    uint64 // clock ticks after the boot: proc(5), /proc/PID/stat, starttime
	Boot     string // the kernel's random name for this boot
}

// String is the same for the same process alone, and empty for one that is not known.
func (p Process) String() string {
	if p.PID == 0 {
		return ""
	}
	return fmt.Sprintf("%s/%d/%d", p.Boot, p.PID, p.Start)
}

// peer asks the kernel who listens: unix(7), SO_PEERCRED, which is whoever called listen. Of a process in a container that
// hides it from us nothing is known.
func peer(conn net.Conn) Process {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return Process{}
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return Process{}
	}
	var cred *syscall.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); e != nil || err != nil {
		return Process{}
	}
	p := Process{PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid)}
	if p.Start, p.Boot, err = process.Born(p.PID); err != nil {
		return Process{}
	}
	return p
}

// Alive tells whether the process is there still.
func (p Process) Alive() bool {
	start, boot, err := process.Born(p.PID)
	return err == nil && start == p.Start && boot == p.Boot
}

// maxCommandLine bounds what is read of a command line, bytes: the kernel's own bound is a quarter of the stack's, 2 MiB.
const maxCommandLine = 4 << 20

// CommandLine gives the words that started the process.
func (p Process) CommandLine() ([]string, error) {
	if p.PID == 0 || !p.Alive() {
		return nil, errors.New("its process is not known")
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/cmdline", p.PID))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCommandLine))
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00"), nil
}
