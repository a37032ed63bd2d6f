package vsim

import "maps"

// Counts is what clients asked for since the start, or since ResetCounts. What tests do through a Machine is not in it.
type Counts struct {
	Requests   int            // of HTTP, at the vCenter and at all hosts
	RoundTrips int            // of those, the ones that are SOAP or REST calls
	Calls      map[string]int // SOAP calls by method
	Reads      int            // GETs of /folder that were answered with bytes
	Bytes      int64          // of files, served to GETs of /folder
	NFC        int64          // bytes served by leases
	ByHost     int            // GETs of /folder served by ESXi hosts, with a ticket
}

// Counts returns a copy.
func (h *Host) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.counts
	c.Calls = maps.Clone(c.Calls)
	return c
}

// ResetCounts begins anew.
func (h *Host) ResetCounts() {
	h.count(func(c *Counts) { *c = Counts{Calls: make(map[string]int)} })
}

func (h *Host) count(f func(*Counts)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.counts)
}
