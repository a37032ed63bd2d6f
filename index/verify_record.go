package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vbfs/index/format"
	"vbfs/index/object"
)

// ErrUnrecorded says that what was verified could not be written down: the next verification does not know of it.
var ErrUnrecorded = errors.New("the verification was not recorded")

// recordPart writes down what was verified before an error or an interruption.
func (v *verifier) recordPart(ctx context.Context) error {
	if len(v.good)+len(v.damaged) == 0 {
		return nil
	}
	clear(v.walked)
	v.partly = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	return v.record(ctx)
}

// record writes down what was found, joined with what others wrote meanwhile, under the next number. One who wrote that
// number first, or a higher one, is read and joined. Then the older ones go.
func (v *verifier) record(ctx context.Context) error {
	if err := writable(ctx, v.r.store); err != nil {
		return fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	for range recordTries {
		last, err := v.r.lastVerified(ctx)
		whole := err == nil
		if err := ignoreDamage(err); err != nil {
			return fmt.Errorf("%w: %w", ErrUnrecorded, err)
		}
		next := v.joined(last)
		if whole && bytes.Equal(next.Marshal(), last.Marshal()) {
			v.r.dropVerified(ctx, last.number)
			return nil
		}
		err = v.r.put(ctx, format.KindVerified, verifiedName(last.number+1), next)
		if errors.Is(err, object.ErrExists) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnrecorded, err)
		}
		highest, err := v.r.verifiedNumber(ctx)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnrecorded, err)
		}
		if highest == last.number+1 {
			v.r.dropVerified(ctx, highest)
			return nil
		}
		// The number was free only because its record had been replaced already: ours counts for nothing.
	}
	return fmt.Errorf("%w: others record theirs all the time", ErrUnrecorded)
}

// recordTries is how often another verification may be faster.
const recordTries = 100

// dropVerified deletes the records below a number. One that stays does no harm.
func (r *Repository) dropVerified(ctx context.Context, below int) {
	for info, err := range r.store.List(ctx, verifiedFolder) {
		if err != nil {
			return
		}
		if n, ok := parseVerifiedName(info.Name); ok && n < below {
			r.store.Delete(ctx, info.Name)
		}
	}
}

// joined gives the last record with what this verification found. Of what two say of a pack the later counts; what was
// there at the start and is no more is dropped.
func (v *verifier) joined(last *verifiedRecord) *format.Verified {
	good, damaged := instants(last.Packs), instants(last.Damaged)
	goodBefore, damagedBefore := instants(v.before.Packs), instants(v.before.Damaged)
	for id, at := range v.good {
		if later(at, good[id], goodBefore[id]) && later(at, damaged[id], damagedBefore[id]) {
			good[id] = at
			delete(damaged, id)
		}
	}
	for id, at := range v.damaged {
		if later(at, good[id], goodBefore[id]) {
			damaged[id] = at
			delete(good, id)
		}
	}
	for _, m := range []map[format.PackID]time.Time{goodBefore, damagedBefore, v.damaged} {
		for id := range m {
			if v.stored[id] == nil {
				delete(good, id)
				delete(damaged, id)
			}
		}
	}
	return &format.Verified{
		Packs: stamps(good), Damaged: stamps(damaged), Points: stamps(v.joinedPoints(last, damaged)), Extra: last.Extra,
	}
}

// later tells whether what this verification found at an instant counts more than the last record. What that had at the
// start, too, does not count, whatever the clocks say.
func later(at, last, before time.Time) bool { return at.After(last) || last.Equal(before) }

// joinedPoints gives as of when points are whole: what this verification says of those that it walked, and what the last
// record says of others, but for doubt.
func (v *verifier) joinedPoints(last *verifiedRecord, damaged map[format.PackID]time.Time) map[format.UUID]time.Time {
	theirs, out := instants(last.Points), map[format.UUID]time.Time{}
	others := last.number != v.before.number // someone else wrote meanwhile
	for id, at := range theirs {
		_, walked := v.walked[id]
		if !v.hurtful() && (others || !walked && !v.gone(id)) {
			out[id] = at
		}
	}
	news := false // of damage that this verification does not know
	for id := range damaged {
		news = news || v.damaged[id].IsZero() && !v.knew(id)
	}
	for id, since := range v.walked {
		at := time.Unix(0, since).UTC()
		if _, ok := theirs[id]; since != never && !v.doubt && (ok || !news) && at.After(out[id]) {
			out[id] = at
		}
	}
	return out
}

// hurtful tells whether damage was found: then nothing is said of points that were not walked.
func (v *verifier) hurtful() bool {
	return v.doubt || slices.ContainsFunc(v.problems, func(p *Problem) bool { return !errors.Is(p.What, ErrForeign) })
}

// gone tells whether a point was forgotten: all were looked at, and it was not among them.
func (v *verifier) gone(id format.UUID) bool {
	_, walked := v.walked[id]
	return v.o.Points == nil && !v.partly && !walked
}

// knew tells whether a pack was known to be damaged at the start.
func (v *verifier) knew(id format.PackID) bool {
	return slices.ContainsFunc(v.before.Damaged, func(s format.Stamp[format.PackID]) bool { return s.ID == id })
}

func instants[ID format.Stamped[ID]](s []format.Stamp[ID]) map[ID]time.Time {
	out := make(map[ID]time.Time, len(s))
	for _, s := range s {
		out[s.ID] = s.At
	}
	return out
}

// stamps puts instants in the order of their IDs.
func stamps[ID format.Stamped[ID]](of map[ID]time.Time) []format.Stamp[ID] {
	out := make([]format.Stamp[ID], 0, len(of))
	for id, at := range of {
		out = append(out, format.Stamp[ID]{ID: id, At: at})
	}
	slices.SortFunc(out, format.Stamp[ID].Compare)
	return out
}
