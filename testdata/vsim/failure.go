package vsim

import (
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// A Failure is a fault that calls of clients are answered with.
type Failure struct {
	Method  string   // as clients name it: "CreateSnapshot_Task", "QueryChangedDiskAreas"
	Machine *Machine // whose calls; nil is every object's. A snapshot's calls are its machine's
	Skip    int      // that many are let through first
	Times   int      // 0 is for ever

	// Fault is what a task ends with, if the method has one, else what the call itself is answered with.
	Fault types.BaseMethodFault
}

// Fail makes it happen from now on. Of a method that returns a task, it is the task that fails, if this package has it in
// another form than vcsim's, else the call.
func (h *Host) Fail(f Failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.Times == 0 {
		f.Times = -1
	}
	h.failures = append(h.failures, &f)
}

// Slow makes tasks of a method ("RemoveSnapshot_Task") take that long before they do anything.
func (h *Host) Slow(method string, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.delays[method] = d
}

func (h *Host) slow(method string) {
	h.mu.Lock()
	d := h.delays[method]
	h.mu.Unlock()
	time.Sleep(d)
}

// failure is the fault that a call is to be answered with now, or nil.
func (h *Host) failure(method string, on types.ManagedObjectReference) types.BaseMethodFault {
	if !strings.HasPrefix(on.Type, "VirtualMachine") {
		return h.failureOf(method, on)
	}
	return h.failureOf(method, h.ownerOf(on))
}

func (h *Host) failureOf(method string, on types.ManagedObjectReference) types.BaseMethodFault {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.failures {
		if f.Times == 0 || f.Method != method || f.Machine != nil && f.Machine.Ref() != on {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		f.Times--
		return f.Fault
	}
	return nil
}
