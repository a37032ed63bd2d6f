package vsim

import "os"

// Disks are their names, as "scsi0-0": controller, bus and unit.
func (m *Machine) Disks() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, key := range sortedKeys(m.disks) {
		names = append(names, m.disks[key].name)
	}
	return names
}

// Write is the guest's: it goes to the flat, or over it as long as there is a snapshot, and is tracked.
func (m *Machine) Write(disk string, off int64, p []byte) {
	m.h.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.disk(disk)
	if off < 0 || off+int64(len(p)) > d.size {
		m.h.t.Fatalf("vsim: write of %d bytes at %d is beyond the %d of disk %s", len(p), off, d.size, disk)
	}
	m.h.must(d.now.writeAt(p, off, d.size))
	if d.track == nil || len(p) == 0 {
		return
	}
	for grain := off / Grain; grain*Grain < off+int64(len(p)); grain++ {
		d.track.write(grain)
	}
}

// Content is what the guest sees now.
func (m *Machine) Content(disk string) []byte {
	m.h.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.disk(disk)
	p := make([]byte, d.size)
	m.h.must(d.now.readAt(p, 0))
	return p
}

// Frozen is what the newest snapshot froze, of whoever it was, also when it is removed by now.
func (m *Machine) Frozen(disk string) []byte {
	m.h.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.disk(disk)
	if d.last == "" {
		m.h.t.Fatalf("vsim: no snapshot has frozen disk %s, or it holds more than %d bytes", disk, maxFrozen)
	}
	p, err := os.ReadFile(d.last)
	m.h.must(err)
	return p
}

// maxFrozen is how much a disk may hold to be copied at each snapshot: a bound on what snapshots of a benchmark cost.
const maxFrozen = 256 << 20
