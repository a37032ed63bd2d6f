package qmp

import "encoding/json"

// An Event is what QEMU says of itself, unasked: QMP, "2.5 Asynchronous events".
type Event struct {
	Name string          `json:"event"`
	Data json.RawMessage `json:"data"`
}

// maxEvents bounds what is kept between two looks at the events; the oldest go. A job makes about ten in its life.
const maxEvents = 1024

// keep notes an event. c.mu is held.
func (c *Client) keep(e Event) {
	if len(c.events) == maxEvents {
		c.events = c.events[1:]
	}
	c.events = append(c.events, e)
}

// Events gives the events that came with answers since it was last asked. Those that came after the newest answer are
// given after the next.
func (c *Client) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	events := c.events
	c.events = nil
	return events
}
