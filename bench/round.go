package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	drift    = 0.2 // how far the canary may move over a round
	company  = 0.1 // share of all processors that others may have meanwhile
	attempts = 3   // for each valid round, at most
)

// A round is one pair of figures.
type round struct{ ours, peer, ratio float64 }

// measure readies a row, warms it up and measures it.
func (l *lab) measure(ctx context.Context, r row) (res result, err error) {
	l.say("%s / %s: preparing", r.work, r.peer)
	c, err := r.start(ctx, l)
	if err != nil {
		return res, err
	}
	if c.close != nil {
		defer func() { err = errors.Join(err, c.close()) }()
	}
	if r.once {
		one, err := pair(ctx, r, c)
		return result{row: r, ours: one.ours, theirs: one.peer, ratio: one.ratio, valid: 1}, err
	}
	if _, err := pair(ctx, r, c); err != nil { // warm up
		return res, err
	}
	valid, dropped, err := l.rounds(ctx, r, c)
	if err != nil {
		return res, err
	}
	res = result{row: r, valid: len(valid), dropped: len(dropped)}
	if len(valid) == 0 { // told as what they are
		valid = dropped
	}
	res.ours = median(valid, func(r round) float64 { return r.ours })
	res.theirs = median(valid, func(r round) float64 { return r.peer })
	res.ratio = median(valid, func(r round) float64 { return r.ratio })
	return res, nil
}

// rounds gives the valid rounds and the others.
func (l *lab) rounds(ctx context.Context, r row, c contest) (valid, dropped []round, err error) {
	before, err := l.canary(ctx)
	for err == nil && len(valid) < l.o.rounds && len(valid)+len(dropped) < attempts*l.o.rounds {
		var one round
		var after, others float64
		if one, others, err = watchedPair(ctx, r, c); err != nil {
			break
		}
		if after, err = l.canary(ctx); err != nil {
			break
		}
		l.say("  %s / %s, ratio %.3f, canary %.2f s and %.2f s, others %.0f %%", figure(one.ours, r.unit),
			figure(one.peer, r.unit), one.ratio, before, after, 100*others)
		if max(before, after) <= min(before, after)*(1+drift) && others <= company {
			valid = append(valid, one)
		} else {
			dropped = append(dropped, one)
		}
		before = after
	}
	return valid, dropped, err
}

// watchedPair measures both, and tells which share of the machine's processors others had meanwhile.
func watchedPair(ctx context.Context, r row, c contest) (one round, others float64, err error) {
	before, err := usageNow()
	if err != nil {
		return one, 0, err
	}
	if one, err = pair(ctx, r, c); err != nil {
		return one, 0, err
	}
	after, err := usageNow()
	return one, after.others(before), err
}

func pair(ctx context.Context, r row, c contest) (one round, err error) {
	if one.ours, err = settled(ctx, c.ours); err != nil {
		return one, err
	}
	if c.peer != nil {
		if one.peer, err = settled(ctx, c.peer); err != nil {
			return one, err
		}
	}
	one.ratio = r.compare(one.ours, one.peer)
	return one, nil
}

// settled measures when what was written before is on the disk, so that nobody pays for the one before.
func settled(ctx context.Context, m measure) (float64, error) {
	unix.Sync()
	return m(ctx)
}

// canaries is how often the image is read for one figure, whose median counts: a single read of half a second jitters
// by more than what it should tell of.
const canaries = 3

// canary tells how fast the machine is just now: the seconds that a plain read of the image takes.
func (l *lab) canary(ctx context.Context) (float64, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	all := make([]round, canaries)
	for i := range all {
		cmd := command(ctx, "cat", l.disk.path)
		cmd.Stdout = null
		if all[i].ours, err = timed(cmd); err != nil {
			return 0, err
		}
	}
	return median(all, func(r round) float64 { return r.ours }), nil
}

func median(rounds []round, of func(round) float64) float64 {
	all := make([]float64, len(rounds))
	for i, r := range rounds {
		all[i] = of(r)
	}
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// seconds gives how long work takes.
func seconds(work func() error) (float64, error) {
	start := time.Now()
	err := work()
	return time.Since(start).Seconds(), err
}
