package machine

import (
	"sync"

	"vbfs/restore"
)

// Progress counts what is done of all disks, while it is done.
type Progress struct {
	mu    sync.Mutex // of disks
	disks []*restore.Progress
}

// Disk counts one more disk. p may be nil.
func (p *Progress) Disk() *restore.Progress {
	one := new(restore.Progress)
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.disks = append(p.disks, one)
	}
	return one
}

// Done counts the bytes of data that were written or need not be, and all that were read back.
func (p *Progress) Done() (sum int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.disks {
		sum += d.Data.Load() + d.Verified.Load()
	}
	return sum
}
