package vsim

import (
	"os"
	"path/filepath"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// stun is the moment at which tracking that was enabled begins. The lock is held.
func (m *Machine) stun(vm *simulator.VirtualMachine) {
	enabled := vm.Config.ChangeTrackingEnabled != nil && *vm.Config.ChangeTrackingEnabled
	for _, d := range m.disks {
		if enabled && d.track == nil && !d.apart {
			d.track = newTrack(len(m.shots) > 0)
		}
		if !enabled {
			d.track = nil
		}
	}
}

// freeze is the instant of a snapshot: from here on the guest writes over what there is. vcsim's lock is held.
func (m *Machine) freeze(ctx *simulator.Context, vm *simulator.VirtualMachine, ref types.ManagedObjectReference) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stun(vm)
	s := &shot{data: dataFile(vm, ref), layers: make(map[int32]*layer), tracks: make(map[int32]*track), whole: make(map[int32]string)}
	for key, d := range m.disks {
		if d.apart {
			continue
		}
		s.layers[key] = d.now
		if d.track != nil {
			s.tracks[key] = d.track.freeze()
		}
		if err := m.remember(d); err != nil {
			return err
		}
		if err := m.h.grow(d); err != nil {
			return err
		}
	}
	m.shots[ref] = s
	return m.publish(ctx, vm)
}

// remember copies what is frozen, for Frozen.
func (m *Machine) remember(d *disk) error {
	if d.last != "" {
		if err := os.Remove(d.last); err != nil {
			return err
		}
		d.last = ""
	}
	held, err := d.now.allocated(d.size)
	if err != nil || int64(len(held))*Grain > maxFrozen {
		return err
	}
	path := filepath.Join(m.h.dir, "frozen-"+newUUID())
	if err = d.now.copyTo(path, d.size); err != nil {
		return err
	}
	d.last = path
	return nil
}

// thaw forgets snapshots that vcsim has no more, and with consolidation sinks deltas that nothing stands on.
func (m *Machine) thaw(ctx *simulator.Context, vm *simulator.VirtualMachine, consolidate bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ref, s := range m.shots {
		if m.h.reg.Get(ref) == nil {
			if err := m.h.discard(s); err != nil {
				return err
			}
			delete(m.shots, ref)
		}
	}
	m.stun(vm)
	if consolidate {
		if err := m.consolidate(); err != nil {
			return err
		}
	}
	return m.publish(ctx, vm)
}

// discard removes the files that were the snapshot's alone.
func (h *Host) discard(s *shot) error {
	var files []string
	for _, copied := range s.whole {
		files = append(files, copied)
	}
	if p, err := h.path(s.data); err == nil {
		files = append(files, p)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// consolidate sinks every delta whose parent is no snapshot's and nobody else's. A disk that a reader holds stays as it is.
func (m *Machine) consolidate() error {
	for key, d := range m.disks {
		if isHeld(d.flat().path) {
			continue
		}
		for {
			upper := m.sinkable(key, d)
			if upper == nil {
				break
			}
			if err := m.sink(key, d, upper); err != nil {
				return err
			}
		}
	}
	return nil
}

// sinkable is a layer of the disk's chain whose parent has no use of its own, or nil.
func (m *Machine) sinkable(key int32, d *disk) *layer {
	children, frozen := m.uses(key, d)
	for l := d.now; l.parent != nil; l = l.parent {
		if !frozen[l.parent] && children[l.parent] == 1 {
			return l
		}
	}
	return nil
}

// uses counts the children of every layer that can be reached, and tells which ones are frozen.
func (m *Machine) uses(key int32, d *disk) (children map[*layer]int, frozen map[*layer]bool) {
	children, frozen = make(map[*layer]int), make(map[*layer]bool)
	seen := make(map[*layer]bool)
	walk := func(l *layer) {
		for ; l != nil && !seen[l]; l = l.parent {
			seen[l] = true
			if l.parent != nil {
				children[l.parent]++
			}
		}
	}
	walk(d.now)
	for _, s := range m.shots {
		if l := s.layers[key]; l != nil {
			frozen[l] = true
			walk(l)
		}
	}
	return children, frozen
}

// sink puts a delta into its parent, which takes its place everywhere.
func (m *Machine) sink(key int32, d *disk, upper *layer) error {
	if err := upper.sink(d.size); err != nil {
		return err
	}
	relink := func(l *layer) {
		for ; l != nil; l = l.parent {
			if l.parent == upper {
				l.parent = upper.parent
			}
		}
	}
	relink(d.now)
	for _, s := range m.shots { // which may stand beside the machine's chain, after a revert
		relink(s.layers[key])
	}
	if d.now == upper {
		d.now = upper.parent
	}
	for _, s := range m.shots {
		if s.layers[key] == upper {
			s.layers[key] = upper.parent
		}
	}
	return m.h.forget(upper)
}

// behind tells whether deltas are left that no snapshot needs.
func (m *Machine) behind() bool {
	for key, d := range m.disks {
		if m.sinkable(key, d) != nil {
			return true
		}
	}
	return false
}
