package main

import (
	"time"

	"vbfs/index/format"
)

// What became of a machine.
const (
	resultOK      = "ok"
	resultPartial = "partial" // there is a point, without some of its disks
	resultFailed  = "failed"  // there is no point
)

// An outcome is what became of one machine in a run of backup. It was told already.
type outcome struct {
	machine machine          // met: its name and source are known, if it was found
	point   *format.Manifest // nil is none
	err     error            // what failed, also beside a point; nil is nothing
	codes   []int            // exit codes of what was told to have failed
	notes   []string         // what else there is to say of it
	skipped string           // why it was not captured, on purpose; "" is: it was to be
	start   time.Time
	took    time.Duration
}

func (o *outcome) result() string {
	switch {
	case o.point == nil:
		return resultFailed
	case o.err != nil:
		return resultPartial
	}
	return resultOK
}

// sum is what the point came to.
func (o *outcome) sum() (t totals) {
	if o.point != nil {
		for i := range o.point.Disks {
			t.add(&o.point.Disks[i])
		}
	}
	return t
}
