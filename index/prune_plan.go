package index

import (
	"cmp"
	"slices"

	"vbfs/index/format"
)

// Bundling of what is small: a year of hourly increments shall not be thousands of objects. An object is small when it has
// less than an eighth of what a bundle takes; sixteen of them are worth a bundle, so that each byte is copied seldom.
const (
	smallObject = 8 << 20
	manySmall   = 16
)

// maxDead bounds the slots that one collection condemns one by one: 20 MB in memory, also in that of each writer, and 128 GiB
// of disk.
const maxDead = 2 << 20

// choose gives the objects whose live slots are to be moved: the emptiest first, until what is unused is at most the
// limit, and those that are small when there are many. What is moved is at most the given bytes. more tells whether some
// had to be left for another time.
func (v *inventory) choose(maxUnused func(total int64) int64, maxRepack int64) (out []*holder, more bool) {
	var total, unused int64
	for _, h := range v.holders {
		total += h.size
		unused += h.unused()
	}
	limit := maxUnused(total)
	slices.SortFunc(v.holders, func(a, b *holder) int { return cmp.Or(b.emptier(a), a.id.Compare(b.id)) })
	left := maxDead - v.gone
	take := func(h *holder) {
		if h.live > maxRepack || h.dead > left {
			more = true
			return
		}
		maxRepack, left = maxRepack-h.live, left-h.dead
		out = append(out, h)
		unused -= h.unused()
	}
	var small [2][]*holder
	for _, h := range v.holders {
		switch {
		case h.must || h.slots == 0 || unused > limit && h.unused() > 0:
			take(h)
		case h.size < smallObject:
			i := 0
			if h.tree {
				i = 1
			}
			small[i] = append(small[i], h)
		}
	}
	for _, s := range small {
		if len(s) < manySmall {
			continue
		}
		for _, h := range s {
			take(h)
		}
	}
	return out, more
}

// emptier compares by the part that is unused, the larger first.
func (h *holder) emptier(o *holder) int {
	return cmp.Compare(float64(o.unused())/float64(o.size), float64(h.unused())/float64(h.size))
}

// sortPacks puts packs in order and drops doubles.
func sortPacks(p []format.PackID) []format.PackID {
	slices.SortFunc(p, format.PackID.Compare)
	return slices.Compact(p)
}
