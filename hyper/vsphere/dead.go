package vsphere

import (
	"errors"
	"sync"
	"time"
)

// deadTime is how long a host that could not be reached is not tried again: each time may take all of dialTime.
const deadTime = 15 * time.Minute

// The dead are hosts that could not be reached, by their addresses: where there is another way, that is taken.
type dead struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// note remembers a host that an error says cannot be reached.
func (d *dead) note(host string, err error) {
	if !errors.Is(err, errDial) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.since == nil {
		d.since = map[string]time.Time{}
	}
	d.since[host] = time.Now()
}

// has tells whether a host could not be reached a short while ago.
func (d *dead) has(host string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	since, ok := d.since[host]
	return ok && time.Since(since) < deadTime
}
