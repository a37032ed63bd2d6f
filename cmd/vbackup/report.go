package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vbfs/index/format"
)

// A runReport is what a run of backup came to, as it is written down. In JSON times are RFC 3339 UTC, sizes bytes.
type runReport struct {
	Type     string          `json:"type"` // report
	Tool     string          `json:"tool"`
	Host     string          `json:"host"` // that the run was on
	Started  time.Time       `json:"started"`
	Ended    time.Time       `json:"ended"`
	Seconds  float64         `json:"seconds"`
	Status   string          `json:"status"`          // ok, warning or error
	Final    string          `json:"final_status"`    // ghettoVCB's line
	Error    string          `json:"error,omitempty"` // that kept the run from its machines
	Warnings []string        `json:"warnings"`        // of the run, not of its machines' backups
	Machines []machineReport `json:"machines"`
	Totals   reportTotals    `json:"totals"`

	unread bool // not all of the inventory could be read
}

// A machineReport is what became of a machine.
type machineReport struct {
	Machine  string     `json:"machine"`
	Path     string     `json:"path"`   // in the inventory, or the source
	Result   string     `json:"result"` // ok, warning, failed or skipped
	Reason   string     `json:"reason"` // why it failed or was skipped; "" else
	Policy   string     `json:"policy,omitempty"`
	Level    string     `json:"level"`
	Point    string     `json:"point"` // its name; "" is none
	ID       string     `json:"id"`
	Start    *time.Time `json:"start"` // null when it was not begun
	Seconds  float64    `json:"seconds"`
	Read     int64      `json:"read_bytes"`
	New      int64      `json:"new_bytes"`
	Stored   int64      `json:"stored_bytes"`
	Warnings []string   `json:"warnings"`
}

// reportTotals counts machines by their results, and bytes.
type reportTotals struct {
	Machines int   `json:"machines"`
	OK       int   `json:"ok"`
	Warning  int   `json:"warning"`
	Failed   int   `json:"failed"`
	Partial  int   `json:"partial"` // of the failed ones, those of which there is a point without some disks
	Skipped  int   `json:"skipped"`
	Read     int64 `json:"read_bytes"`
	New      int64 `json:"new_bytes"`
	Stored   int64 `json:"stored_bytes"`
}

// Results in a report.
const (
	reportOK      = "ok"
	reportWarning = "warning"
	reportFailed  = "failed"
	reportSkipped = "skipped"
)

// interrupted is why there is no point, or nothing at all.
const interrupted = "interrupted"

// reported is what became of a machine.
func reported(o *outcome) machineReport {
	m := machineReport{Machine: o.machine.String(), Path: o.machine.where(), Result: reportOK, Policy: o.machine.policy(), Warnings: []string{}}
	if !o.start.IsZero() {
		m.Start, m.Seconds = &o.start, o.took.Seconds()
	}
	if p := o.point; p != nil {
		sum := o.sum()
		m.Level, m.Point, m.ID, m.Read, m.New, m.Stored = p.Done, p.MachineName+"@"+p.Name, p.Point.String(), sum.Read, sum.New, sum.Stored
		m.Warnings = append(m.Warnings, doubts(p)...)
	}
	m.Warnings = append(m.Warnings, o.notes...)
	switch {
	case o.skipped != "":
		m.Result, m.Reason = reportSkipped, o.skipped
	case errors.Is(o.err, context.Canceled), o.err == nil && o.point == nil:
		m.Result, m.Reason = reportFailed, interrupted
	case o.result() != resultOK:
		m.Result, m.Reason = reportFailed, oneLine(o.err.Error())
	case len(m.Warnings) > 0:
		m.Result = reportWarning
	}
	return m
}

// doubts are what is not as it should be with a point.
func doubts(p *format.Manifest) []string {
	if p.Anomaly == "" {
		return p.Warnings
	}
	return append(p.Warnings[:len(p.Warnings):len(p.Warnings)], "out of the ordinary: "+p.Anomaly)
}

func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ") }

// where is the machine's place: in its inventory, else its source.
func (m machine) where() string {
	switch {
	case m.path() != "":
		return m.path()
	case m.whole != nil:
		return m.whole.String()
	}
	var sources []string
	for _, d := range m.disks {
		sources = append(sources, d.String())
	}
	return strings.Join(sources, ", ")
}

// count sums up, and gives the run its status.
func (r *runReport) count() {
	t := &r.Totals
	*t = reportTotals{Machines: len(r.Machines)}
	for _, m := range r.Machines {
		t.Read, t.New, t.Stored = t.Read+m.Read, t.New+m.New, t.Stored+m.Stored
		switch m.Result {
		case reportOK:
			t.OK++
		case reportWarning:
			t.Warning++
		case reportSkipped:
			t.Skipped++
		default:
			t.Failed++
			if m.Point != "" {
				t.Partial++
			}
		}
	}
	r.Seconds = r.Ended.Sub(r.Started).Seconds()
	r.Status = "ok"
	switch {
	case r.Error != "" || t.Failed > t.Partial || t.Machines == 0:
		r.Status = "error"
	case t.Partial > 0 || t.Warning > 0 || r.unread:
		r.Status = "warning"
	}
	r.Final = t.final(r.Error != "")
}

// final is ghettoVCB's last line: ghettoVCB.sh, getFinalStatus. A machine of which some disk failed is one that was backed up there; one
// whose backup is not due has what its policy asks for.
func (t *reportTotals) final(broken bool) string {
	good, failed := t.OK+t.Warning+t.Skipped+t.Partial, t.Failed-t.Partial
	says := "All VMs backed up OK!"
	switch {
	case good == 0 && failed > 0:
		says = "ERROR: All VMs failed!"
	case good == 0 || broken:
		says = "ERROR: No VMs backed up!"
	case failed > 0 && t.Partial > 0:
		says = "ERROR: Only some of the VMs backed up, and some disk(s) failed!"
	case failed > 0:
		says = "ERROR: Only some of the VMs backed up!"
	case t.Partial > 0:
		says = "WARNING: All VMs backed up, but some disk(s) failed!"
	}
	return finalStatus(says)
}

// dryStatus is the line of a dry run.
const dryStatus = "OK, only a dryrun."

func finalStatus(says string) string { return fmt.Sprintf("###### Final status: %s ######", says) }
