package vsim

import (
	"encoding/hex"
	"os"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// A lease is the right to export or import disks, for as long as progress is told: API reference, HttpNfcLease.
type lease struct {
	mo.HttpNfcLease

	h    *Host
	id   string // in URLs
	door *front // of the host that serves them; nil is this one

	mu    sync.Mutex
	files map[string]*leaseFile // by the last part of the URL
	held  []*os.File            // flats that are exported
	timer *time.Timer
	over  bool
	undo  func() // what an import that is not completed leaves behind
}

// A leaseFile is one disk.
type leaseFile struct {
	path string // export: what is served
	m    *Machine
	key  int32 // import: the disk that is filled
	sha1 []byte
	size int64
}

// newLease puts a lease into the session. It is initializing.
func (h *Host) newLease(ctx *simulator.Context, entity *simulator.VirtualMachine) *lease {
	l := &lease{h: h, id: newUUID(), files: make(map[string]*leaseFile)}
	l.State = types.HttpNfcLeaseStateInitializing
	l.Self.Type = "HttpNfcLease"
	if entity != nil {
		l.door = h.doors[*entity.Runtime.Host]
	}
	ctx.Session.Put(l)
	h.mu.Lock()
	h.leases[l.id] = l
	h.mu.Unlock()
	h.t.Cleanup(func() { l.end(h.context(), types.HttpNfcLeaseStateDone, nil) })
	return l
}

// url of a file: at the host that runs the machine, or at the ESXi that is being talked to, which calls itself "*".
func (l *lease) url(name string) (url, thumbprint string) {
	if l.door == nil {
		return "https://*/nfc/" + l.id + "/" + name, ""
	}
	return "https://" + hostOf(l.door) + "/nfc/" + l.id + "/" + name, l.door.cert().thumbprint()
}

// ready tells the URLs, and lets time run.
func (l *lease) ready(entity types.ManagedObjectReference, urls []types.HttpNfcLeaseDeviceUrl, capacity int64) {
	ctx, timeout := l.h.context(), l.h.options.LeaseTimeout
	l.locked(ctx, func() {
		if l.over {
			return
		}
		l.timer = time.AfterFunc(timeout, l.expire)
		l.h.reg.Update(ctx, l, []types.PropertyChange{
			{Name: "info", Val: &types.HttpNfcLeaseInfo{Lease: l.Self, Entity: entity, DeviceUrl: urls,
				TotalDiskCapacityInKB: capacity >> 10, LeaseTimeout: int32(max(1, timeout/time.Second))}},
			{Name: "state", Val: types.HttpNfcLeaseStateReady},
		})
	})
}

// locked does something under vcsim's lock and then the lease's, always in that order.
func (l *lease) locked(ctx *simulator.Context, do func()) {
	l.h.reg.WithLock(ctx, l, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		do()
	})
}

// fail ends it with a fault.
func (l *lease) fail(fault types.BaseMethodFault) {
	l.end(l.h.context(), types.HttpNfcLeaseStateError, &types.LocalizedMethodFault{Fault: fault, LocalizedMessage: explain(fault)})
}

// expire is what happens when nobody tells progress.
func (l *lease) expire() {
	why := &types.LocalizedMethodFault{Fault: &types.Timedout{}, LocalizedMessage: "The operation timed out."}
	if l.end(l.h.context(), types.HttpNfcLeaseStateError, why) {
		l.clean()
	}
}

// end closes it, and tells whether it was open.
func (l *lease) end(ctx *simulator.Context, state types.HttpNfcLeaseState, why *types.LocalizedMethodFault) (open bool) {
	l.locked(ctx, func() {
		if l.over {
			return
		}
		l.over, open = true, true
		if l.timer != nil {
			l.timer.Stop()
		}
		for _, f := range l.held {
			f.Close()
		}
		changes := []types.PropertyChange{{Name: "state", Val: state}}
		if why != nil {
			changes = append(changes, types.PropertyChange{Name: "error", Val: why})
		}
		l.h.reg.Update(ctx, l, changes)
	})
	return open
}

// owns lets it remove something if it is not completed: now, and it tells no, if it is over already.
func (l *lease) owns(undo func()) bool {
	l.mu.Lock()
	over := l.over
	if !over {
		l.undo = undo
	}
	l.mu.Unlock()
	if over {
		undo()
	}
	return !over
}

// clean removes what an import has made. No lock is held meanwhile: removing looks at leases.
func (l *lease) clean() {
	l.mu.Lock()
	undo := l.undo
	l.undo = nil
	l.mu.Unlock()
	if undo != nil {
		undo()
	}
}

func (l *lease) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// closed is the fault of calls on a lease that is over.
func closed() *soap.Fault {
	return simulator.Fault("The lease has been completed, aborted or has timed out.", &types.InvalidState{})
}

// HttpNfcLeaseProgress gives it time.
func (l *lease) HttpNfcLeaseProgress(_ *simulator.Context, _ *types.HttpNfcLeaseProgress) soap.HasFault {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return &methods.HttpNfcLeaseProgressBody{Fault_: closed()}
	}
	if l.timer != nil {
		l.timer.Reset(l.h.options.LeaseTimeout)
	}
	return &methods.HttpNfcLeaseProgressBody{Res: new(types.HttpNfcLeaseProgressResponse)}
}

// HttpNfcLeaseComplete ends it.
func (l *lease) HttpNfcLeaseComplete(ctx *simulator.Context, _ *types.HttpNfcLeaseComplete) soap.HasFault {
	if !l.end(ctx, types.HttpNfcLeaseStateDone, nil) {
		return &methods.HttpNfcLeaseCompleteBody{Fault_: closed()}
	}
	return &methods.HttpNfcLeaseCompleteBody{Res: new(types.HttpNfcLeaseCompleteResponse)}
}

// HttpNfcLeaseAbort ends it, and an import with it.
func (l *lease) HttpNfcLeaseAbort(ctx *simulator.Context, req *types.HttpNfcLeaseAbort) soap.HasFault {
	if !l.end(ctx, types.HttpNfcLeaseStateError, req.Fault) {
		return &methods.HttpNfcLeaseAbortBody{Fault_: closed()}
	}
	l.clean()
	return &methods.HttpNfcLeaseAbortBody{Res: new(types.HttpNfcLeaseAbortResponse)}
}

// HttpNfcLeaseGetManifest tells the sums of what was transferred.
func (l *lease) HttpNfcLeaseGetManifest(ctx *simulator.Context, req *types.HttpNfcLeaseGetManifest) soap.HasFault {
	l.mu.Lock()
	defer l.mu.Unlock()
	res := new(types.HttpNfcLeaseGetManifestResponse)
	for _, name := range sortedKeys(l.files) {
		if f := l.files[name]; f.sha1 != nil {
			res.Returnval = append(res.Returnval, types.HttpNfcLeaseManifestEntry{Key: l.keyOf(name), Sha1: hex.EncodeToString(f.sha1), Size: f.size})
		}
	}
	return &methods.HttpNfcLeaseGetManifestBody{Res: res}
}

func (l *lease) keyOf(target string) string {
	for _, u := range l.Info.DeviceUrl {
		if u.TargetId == target {
			return u.Key
		}
	}
	return ""
}
