package torture

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// offClock is machine code that takes the place of clock_gettime(2) in a process's own copy of the kernel's vDSO, where
// Go programs ask for the time: it has the kernel tell, and adds seconds to the wall clock. It is for amd64.
var offClock = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov $228, %eax
	0x0f, 0x05, // syscall
	0x85, 0xff, // test %edi, %edi: CLOCK_REALTIME is 0
	0x75, 0x0a, // jne to ret
	0x48, 0x8b, 0x0d, 0x06, 0x00, 0x00, 0x00, // mov 6(%rip), %rcx: the seconds
	0x48, 0x01, 0x0e, // add %rcx, (%rsi)
	0xc3,       // ret
	0x90, 0x90, // the seconds follow
}

// A clock is that of one process.
type clock struct {
	mem *os.File
	at  int64 // of the seconds
}

// startOff starts a command by whose clock it is later or earlier.
func startOff(cmd *exec.Cmd, by time.Duration) (*clock, error) {
	runtime.LockOSThread() // a thread traces
	defer runtime.UnlockOSThread()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	pid := cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return nil, err
	}
	c, err := newClock(pid)
	if err == nil {
		err = c.set(by)
	}
	if err != nil {
		cmd.Process.Kill()
	}
	if err := syscall.PtraceDetach(pid); err != nil {
		return nil, err
	}
	return c, err
}

// newClock replaces the vDSO's code, before the process has run any of its own.
func newClock(pid int) (*clock, error) {
	begin, vdso, mem, err := vdsoOf(pid)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(vdso))
	if err != nil {
		return nil, err
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			at := begin + int64(s.Value)
			_, err := mem.WriteAt(offClock, at)
			return &clock{mem, at + int64(len(offClock))}, err
		}
	}
	return nil, fmt.Errorf("the vDSO has no clock: %v", symbols)
}

// vdsoOf gives where a process has its vDSO, the vDSO, and the process's memory.
func vdsoOf(pid int) (begin int64, vdso []byte, mem *os.File, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, nil, nil, err
	}
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(line, "[vdso]\n") {
			continue
		}
		var end int64
		if _, err := fmt.Sscanf(line, "%x-%x", &begin, &end); err != nil {
			return 0, nil, nil, err
		}
		if mem, err = os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0); err != nil {
			return 0, nil, nil, err
		}
		vdso = make([]byte, end-begin)
		_, err = mem.ReadAt(vdso, begin)
		return begin, vdso, mem, err
	}
	return 0, nil, nil, fmt.Errorf("no vDSO in %s", maps)
}

// set has the clock jump, also while the process runs. One that has ended does not mind.
func (c *clock) set(by time.Duration) error {
	_, err := c.mem.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(by/time.Second)), c.at)
	return err
}
