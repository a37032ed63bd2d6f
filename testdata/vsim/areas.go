package vsim

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// QueryChangedDiskAreas answers window by window: see the vSphere API reference, VirtualMachine.queryChangedDiskAreas.
func (c *machineCalls) QueryChangedDiskAreas(ctx *simulator.Context, req *types.QueryChangedDiskAreas) soap.HasFault {
	c.enter(ctx)
	body := new(methods.QueryChangedDiskAreasBody)
	info, fault := c.h.changed(c.vm(), req)
	if fault != nil {
		body.Fault_ = simulator.Fault(explain(fault), fault)
		return body
	}
	body.Res = &types.QueryChangedDiskAreasResponse{Returnval: *info}
	return body
}

// explain is the text beside a fault.
func explain(fault types.BaseMethodFault) string {
	switch f := fault.(type) {
	case *types.InvalidArgument:
		return "A specified parameter was not correct: " + f.InvalidProperty
	case *types.FileFault:
		return "Error caused by file " + f.File
	}
	return ""
}

func invalid(property string) types.BaseMethodFault {
	return &types.InvalidArgument{InvalidProperty: property}
}

// A view is a disk as a snapshot has it, or as it is.
type view struct {
	layer *layer
	track *track
	size  int64
	whole bool // of `*` nothing more is known than the disk's length
}

func (h *Host) changed(vm *simulator.VirtualMachine, req *types.QueryChangedDiskAreas) (*types.DiskChangeInfo, types.BaseMethodFault) {
	m := h.known(vm.Self)
	m.mu.Lock()
	defer m.mu.Unlock()
	v, fault := m.view(vm, req)
	if fault != nil {
		return nil, fault
	}
	if req.StartOffset < 0 || req.StartOffset >= v.size {
		return nil, invalid("startOffset")
	}
	if v.track == nil {
		return nil, &types.FileFault{File: v.layer.name}
	}
	if req.ChangeId == "*" {
		return h.allAreas(v, req.StartOffset)
	}
	generation, number, ok := strings.Cut(req.ChangeId, "/")
	era, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil {
		return nil, invalid("changeId")
	}
	if generation != v.track.generation {
		return nil, &types.FileFault{File: v.layer.name}
	}
	return h.page(v.track.since(era), v.size, req.StartOffset), nil
}

// view is what a request is about.
func (m *Machine) view(vm *simulator.VirtualMachine, req *types.QueryChangedDiskAreas) (*view, types.BaseMethodFault) {
	d := m.disks[req.DeviceKey]
	if req.Snapshot == nil {
		if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
			return nil, invalid("snapshot")
		}
		if d == nil {
			return nil, invalid("deviceKey")
		}
		return &view{layer: d.now, track: d.track, size: d.size, whole: m.h.wholeOnly(d.now.name)}, nil
	}
	s, snapshot := m.shots[*req.Snapshot], m.h.reg.Get(*req.Snapshot)
	if s == nil || snapshot == nil {
		return nil, &types.ManagedObjectNotFound{Obj: *req.Snapshot}
	}
	l := s.layers[req.DeviceKey]
	if l == nil {
		return nil, invalid("deviceKey")
	}
	size := capacity(snapshot.(*simulator.VirtualMachineSnapshot).Config.Hardware.Device, req.DeviceKey)
	return &view{layer: l, track: s.tracks[req.DeviceKey], size: size, whole: m.h.wholeOnly(l.name)}, nil
}

// wholeOnly tells files on datastores where it is not known what is allocated.
func (h *Host) wholeOnly(name string) bool {
	var p object.DatastorePath
	return p.FromString(name) && h.isNFS(p.Datastore)
}

// allAreas answers `*`: what was ever written, as far as tracking knows.
func (h *Host) allAreas(v *view, start int64) (*types.DiskChangeInfo, types.BaseMethodFault) {
	if v.whole {
		return &types.DiskChangeInfo{StartOffset: start, Length: v.size - start,
			ChangedArea: []types.DiskChangeExtent{{Start: start, Length: v.size - start}}}, nil
	}
	if v.track.late {
		return h.page(v.track.since(0), v.size, start), nil
	}
	held, err := v.layer.allocated(v.size)
	if err != nil {
		return nil, wrong(fmt.Errorf("areas of %s: %w", v.layer.name, err))
	}
	return h.page(held, v.size, start), nil
}

// page is one answer: no more areas than allowed, and no more of the disk than the window. Its length tells how far it goes.
func (h *Host) page(grains map[int64]bool, size, start int64) *types.DiskChangeInfo {
	end := size
	if w := h.options.Window; w > 0 {
		end = min(end, start+w)
	}
	info := &types.DiskChangeInfo{StartOffset: start}
	for _, grain := range sortedKeys(grains) {
		from, to := max(grain*Grain, start), min((grain+1)*Grain, end)
		if from >= to {
			continue
		}
		n := len(info.ChangedArea)
		if n > 0 && info.ChangedArea[n-1].Start+info.ChangedArea[n-1].Length == from {
			info.ChangedArea[n-1].Length += to - from
			continue
		}
		if n == h.options.MaxAreas {
			end = info.ChangedArea[n-1].Start + info.ChangedArea[n-1].Length
			break
		}
		info.ChangedArea = append(info.ChangedArea, types.DiskChangeExtent{Start: from, Length: to - from})
	}
	info.Length = end - start
	return info
}

// ResetCBT gives every disk's tracking another generation, as a crash of the host does: ids of before are refused.
func (m *Machine) ResetCBT() {
	m.h.t.Helper()
	m.change(func() error {
		for _, d := range m.disks {
			if d.track != nil {
				d.track = newTrack(len(m.shots) > 0)
			}
		}
		return nil
	})
}

// change does something to the disks, under both locks, and publishes it.
func (m *Machine) change(do func() error) {
	m.h.t.Helper()
	ctx, vm := m.h.context(), m.vm()
	var err error
	m.h.reg.WithLock(ctx, vm, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if err = do(); err == nil {
			err = m.publish(ctx, vm)
		}
	})
	m.h.must(err)
}
