package main

import (
	"context"
	"fmt"
	"math"
)

// A row is one line of the table.
type row struct {
	work string
	peer string // "" is none: the bound is absolute
	goal string
	unit string

	bound float64
	least bool // the ratio has to be at least the bound, else at most
	once  bool // not a time: measured once

	// ratio compares the two, when it is not ours / peer's.
	ratio func(ours, peer float64) float64
	start func(ctx context.Context, l *lab) (contest, error)
}

// A contest is a row that is ready to be measured.
type contest struct {
	ours  measure
	peer  measure // nil without a peer
	close func() error
}

// A measure does the work once and gives what came of it, in the row's unit.
type measure func(ctx context.Context) (float64, error)

// A result is what came of a row. Figures are medians.
type result struct {
	row
	ours, theirs   float64
	ratio          float64
	valid, dropped int
	failed         error
}

func (r row) compare(ours, peer float64) float64 {
	switch {
	case r.ratio != nil:
		return r.ratio(ours, peer)
	case r.peer == "":
		return ours
	}
	return ours / peer
}

func (r result) met() bool {
	if r.failed != nil {
		return false
	}
	if r.least {
		return r.ratio >= r.bound
	}
	return r.ratio <= r.bound
}

func (r result) verdict() string {
	switch {
	case r.failed != nil:
		return "not measured"
	case math.IsInf(r.bound, 1):
		return ""
	case r.valid == 0:
		return "no valid round"
	case r.met():
		return "met"
	case r.least:
		return fmt.Sprintf("**missed** by %.0f %%", 100*(1-r.ratio/r.bound))
	}
	return fmt.Sprintf("**missed** by %.0f %%", 100*(r.ratio/r.bound-1))
}

// rows are all rows, in the order of the table.
func rows() []row {
	all := captureRows()
	all = append(all, incrementRows()...)
	all = append(all, auditRow(), unchangedRow(), storedRow())
	all = append(all, sequentialRows()...)
	all = append(all, randomRows()...)
	all = append(all, mountRows()...)
	all = append(all, chainRow(), pruneRow(), verifyRow())
	all = append(all, firstByteRows()...)
	all = append(all, memoryRows()...)
	all = append(all, overheadRows()...)
	all = append(all, libvirtRows()...)
	return append(all, vsphereRows()...)
}

// String is a line for the terminal.
func (r result) String() string {
	s := r.work
	if r.peer != "" {
		s += " / " + r.peer
	}
	if r.failed != nil {
		return s + ": " + r.failed.Error()
	}
	s += ": " + figure(r.ours, r.unit)
	if r.peer != "" {
		s += fmt.Sprintf(" / %s, ratio %.3f", figure(r.theirs, r.unit), r.ratio)
	}
	return s + fmt.Sprintf(" (%s) %s; %d rounds, %d dropped", r.goal, r.verdict(), r.valid, r.dropped)
}
