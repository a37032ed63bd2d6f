package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/retention"
)

// A judgedPoint is a point, what is known of it, and what becomes of it.
type judgedPoint struct {
	*format.Manifest
	retention.Verdict
	is     retention.Point
	judged bool   // its machine was asked about
	policy string // that its machine is judged by, when points record it; "" is none
}

// judged is all points, by machine name, then time, and what becomes of them at an instant.
type judged struct {
	points []judgedPoint
	now    time.Time
	unread []error // policies that are not understood
}

// judge judges the machines named, all without names. Points of two machines of one name are judged apart: neither takes
// the place of the other's. An error of plan, which keeps all then, is for telling.
func (j *judged) judge(machines []string, plan func([]*judgedPoint) error) error {
	for _, m := range machines {
		if err := j.known(m); err != nil {
			return err
		}
	}
	apart := map[format.UUID][]*judgedPoint{}
	for i := range j.points {
		p := &j.points[i]
		if p.judged = len(machines) == 0 || slices.Contains(machines, p.MachineName); p.judged {
			apart[p.Machine] = append(apart[p.Machine], p)
		}
	}
	for _, points := range apart {
		if err := plan(points); err != nil {
			j.unread = append(j.unread, err)
		}
	}
	return nil
}

func (j *judged) known(machine string) error {
	if slices.ContainsFunc(j.points, func(p judgedPoint) bool { return p.MachineName == machine }) {
		return nil
	}
	if s := index.ParseSelector(machine); s.At != "" {
		return cli.Usage("%s is a point: rules judge machines, and points are forgotten by name without rules", machine)
	}
	return fmt.Errorf("machine %s: %w", machine, index.ErrNoPoint)
}

// byRules is rules as of an instant, the same for all machines.
type byRules struct {
	retention.Policy
	now time.Time
}

func (r byRules) plan(points []*judgedPoint) error {
	for i, v := range r.Plan(bare(points), r.now) {
		points[i].Verdict = v
	}
	return nil
}

// bare gives of points what rules look at.
func bare(points []*judgedPoint) []retention.Point {
	all := make([]retention.Point, len(points))
	for i, p := range points {
		all[i] = p.is
	}
	return all
}

// name marks the points named to be forgotten. Each is named for itself alone: a selector that moves on when a point goes
// would take another one the next time.
func (j *judged) name(args []string, allowEmpty bool) error {
	for i := range j.points {
		j.points[i].Keep = true
	}
	for _, arg := range args {
		p, err := j.find(arg)
		if err != nil {
			return err
		}
		if p.is.Protected {
			return fmt.Errorf("%s@%s: %w", p.MachineName, p.Name, index.ErrProtected)
		}
		p.judged, p.Verdict = true, retention.Verdict{Reasons: []string{"named"}}
	}
	if allowEmpty {
		return nil
	}
	return j.leaveOne()
}

func (j *judged) find(arg string) (*judgedPoint, error) {
	s := index.ParseSelector(arg)
	_, err := time.Parse(index.TimeLayout, s.At)
	byID := len(s.At) >= 8 && strings.Trim(s.At, "0123456789abcdef") == ""
	switch {
	case s.Disk != "":
		return nil, cli.Usage("%s names a disk: points are forgotten as a whole", arg)
	case s.At == "":
		return nil, cli.Usage("%s is a machine: say what to keep of it, with --keep-last or others, or name points of it", arg)
	case err != nil && !byID:
		return nil, cli.Usage("%s is not one point's own name: say MACHINE@2026-11-20T20-03-27Z or MACHINE@ID", arg)
	}
	var found *judgedPoint
	for i := range j.points {
		p := &j.points[i]
		fits := p.Name == s.At || byID && strings.HasPrefix(p.Point.String(), s.At)
		if p.MachineName != s.Machine || !fits {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s fits %v and %v: %w", arg, found.Point, p.Point, index.ErrNoPoint)
		}
		found = p
	}
	if found == nil {
		return nil, fmt.Errorf("%s: %w", arg, index.ErrNoPoint)
	}
	return found, nil
}

// leaveOne refuses to take all good points of a machine.
func (j *judged) leaveOne() error {
	good := func(p judgedPoint) bool { return !p.is.Failed && !p.is.Damaged && !p.is.Flagged }
	for _, p := range j.points {
		left := func(q judgedPoint) bool { return q.Machine == p.Machine && good(q) && q.Keep }
		if !p.Keep && good(p) && !slices.ContainsFunc(j.points, left) {
			return cli.Hint(fmt.Errorf("%s@%s is the last good point of its machine", p.MachineName, p.Name),
				"if it may go all the same, say so with --allow-empty")
		}
	}
	return nil
}

// machines gives the points that were asked about, by the names of their machines.
func (j *judged) machines() (out [][]judgedPoint) {
	for _, p := range j.points {
		if !p.judged {
			continue
		}
		if n := len(out); n == 0 || out[n-1][0].MachineName != p.MachineName {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], p)
	}
	return out
}
