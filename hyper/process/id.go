package process

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// An ID tells a process from all that ever were, on any host. What is not known of it is empty.
type ID struct {
	Host    string `json:"host"`              // its name
	Machine string `json:"machine,omitempty"` // made of the host's machine ID, which is not for others' eyes: machine-id(5)
	Boot    string `json:"boot,omitempty"`    // the kernel's random name for this boot
	Space   string `json:"space,omitempty"`   // in which PID means something: pid_namespaces(7)
	PID     int    `json:"pid"`
	Start   uint64 `json:"start,omitempty"` // clock ticks after the boot: proc(5), /proc/PID/stat, starttime
}

// Self is this process.
func Self() ID {
	id := ID{PID: os.Getpid()}
	id.Host, _ = os.Hostname()
	if b, err := os.ReadFile("/etc/machine-id"); err == nil && len(bytes.TrimSpace(b)) > 0 {
		sum := sha256.Sum256(append([]byte("vbfs process "), bytes.TrimSpace(b)...))
		id.Machine = hex.EncodeToString(sum[:8])
	}
	id.Space, _ = os.Readlink("/proc/self/ns/pid")
	id.Start, id.Boot, _ = Born(id.PID)
	return id
}

// String is for people.
func (p ID) String() string { return fmt.Sprintf("process %d on %s", p.PID, p.Host) }

// Gone tells whether the process is known to have ended. Of other hosts, other containers, and in doubt, that is not known.
func (p ID) Gone() bool {
	me := Self()
	switch {
	case p.Boot == "" || me.Boot == "" || p.PID <= 0:
		return false
	case p.Boot != me.Boot:
		return p.Machine != "" && p.Machine == me.Machine && p.Host == me.Host // before it was booted again
	case p.Space != me.Space || p.Space == "":
		return false
	}
	if err := syscall.Kill(p.PID, 0); errors.Is(err, syscall.ESRCH) {
		return true
	}
	start, _, err := Born(p.PID)
	return err == nil && p.Start != 0 && start != p.Start // its number is another's
}

// Born tells when a process began.
func Born(pid int) (start uint64, boot string, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", err
	}
	name := bytes.LastIndexByte(stat, ')') // may hold anything
	fields := strings.Fields(string(stat[name+1:]))
	const starttime = 22 - 3 // the first field after the name is the third
	if name < 0 || len(fields) <= starttime {
		return 0, "", errors.New("proc: not understood")
	}
	if start, err = strconv.ParseUint(fields[starttime], 10, 64); err != nil {
		return 0, "", err
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return start, strings.TrimSpace(string(id)), err
}
