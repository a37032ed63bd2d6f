package anomaly

import (
	"fmt"
	"slices"
	"strings"

	"vbfs/index/format"
)

const (
	leastPoints = 5  // of history: a median of fewer means nothing
	mostPoints  = 30 // a month of nights: what was usual long ago is no measure

	leastBytes   = 16 << 20 // 256 blocks: shares of fewer are a matter of luck
	leastStrange = 0.05     // of the data: below, a first download of compressed files flags too
	leastBlind   = 0.5      // of the data, where compression tells nothing

	// Deviations are 1.4826 MAD: that of a normal distribution. 6 of them do not come by chance in a thousand years of
	// nights. For a history that hardly varies leastStrange is the floor.
	deviations = 6
	beyond     = 1.5 // times what the upper tenth of the history has, for work that comes once a week
	more       = 1.5 // times the share that changes usually

	// What is new is called incompressible when it is so by itself, and by two fifths of the way from usual to 1: half
	// encrypted blocks, too, and not the mixture of files that an upgrade brings.
	leastRatio, leastWay = 0.7, 0.4
	blindRatio           = 0.9     // usual ratios from which on there is nothing to see
	guessedRatio         = 0.5     // of a disk that never had a new block: what codecs make of most disks
	tellingBytes         = 1 << 20 // of new blocks: the ratio of a handful of them says little
)

// Of says why a point is out of the ordinary, "" when it is not. before are the machine's complete points, the oldest
// first; the last one is what the point was compared with. normal tells which of them are a measure.
func Of(m *format.Manifest, before []*format.Manifest, normal func(*format.Manifest) bool) string {
	var why []string
	for i := range m.Disks {
		if text := ofDisk(&m.Disks[i], before, normal); text != "" {
			why = append(why, text)
		}
	}
	return strings.Join(why, "; ")
}

func ofDisk(d *format.Disk, before []*format.Manifest, normal func(*format.Manifest) bool) string {
	now, ok := figuresOf(d, before)
	if !ok || now.new < leastBytes {
		return ""
	}
	past := history(d, before, normal)
	if len(past) < leastPoints {
		return ""
	}
	usual := median(ratios(past))
	share := median(shares(past))
	if now.share < more*share || !now.isStrange(past, usual) {
		return ""
	}
	return fmt.Sprintf("changed %s of %s (usually %s), compresses to %s (usually %s)", percent(now.share), d.Name,
		percent(share), percent(now.ratio()), percent(usual))
}

// isStrange tells whether the strange part is far beyond that of the past.
func (f figures) isStrange(past []figures, usual float64) bool {
	strange := f.strange(usual)
	var all []float64
	for _, p := range past {
		all = append(all, p.strange(usual))
	}
	r, least := f.ratio(), leastStrange
	if usual >= blindRatio {
		least = leastBlind
	}
	if r < leastRatio || way(r, usual) < leastWay {
		return false
	}
	middle := median(all)
	var off []float64
	for _, s := range all {
		off = append(off, max(s-middle, middle-s))
	}
	return strange >= max(least, middle+deviations*1.4826*median(off), beyond*upperTenth(all))
}

// figures are what one capture of a disk came to.
type figures struct {
	share       float64 // changed of data
	data        float64 // bytes that the disk held before or after, whichever is more
	new, stored int64
}

// figuresOf takes the figures of a disk that was captured after before; ok is whether they mean anything: the point before
// has to have the disk, and as large.
func figuresOf(d *format.Disk, before []*format.Manifest) (f figures, ok bool) {
	if len(before) == 0 || d.State != format.DiskOK {
		return f, false
	}
	p := find(before[len(before)-1], d)
	if p == nil || p.Size != d.Size {
		return f, false
	}
	data := float64(max(d.DataBytes(), p.DataBytes()))
	if data == 0 {
		return f, false
	}
	return figures{min(1, float64(d.Changed)/data), data, d.New, d.Stored}, true
}

// find gives the disk in a point, nil when the point has no image of it.
func find(m *format.Manifest, d *format.Disk) *format.Disk {
	for i := range m.Disks {
		if p := &m.Disks[i]; p.ID == d.ID && p.HasImage() {
			return p
		}
	}
	return nil
}

// history gives the figures of the disk's last normal points.
func history(d *format.Disk, before []*format.Manifest, normal func(*format.Manifest) bool) (past []figures) {
	for i := len(before) - 1; i > 0 && len(past) < mostPoints; i-- {
		if !normal(before[i]) {
			continue
		}
		if p := find(before[i], d); p != nil {
			if f, ok := figuresOf(p, before[:i]); ok {
				past = append(past, f)
			}
		}
	}
	return past
}

// ratio is what the codec made of what was new.
func (f figures) ratio() float64 {
	if f.new == 0 {
		return 0
	}
	return min(1, float64(f.stored)/float64(f.new))
}

// way tells how far a ratio is on the way from usual to 1, as far as one can see.
func way(ratio, usual float64) float64 {
	switch {
	case usual < blindRatio:
		return max(0, (ratio-usual)/(1-usual))
	case ratio < blindRatio:
		return 0
	}
	return 1
}

// strange is the part of the disk that is new and does not compress as usual.
func (f figures) strange(usual float64) float64 {
	return way(f.ratio(), usual) * min(1, float64(f.new)/f.data)
}

func shares(all []figures) (out []float64) {
	for _, f := range all {
		out = append(out, f.share)
	}
	return out
}

// ratios gives those of captures that had much that was new, or anything; a guess when there are none.
func ratios(all []figures) (out []float64) {
	for _, least := range []int64{tellingBytes, 1} {
		for _, f := range all {
			if f.new >= least {
				out = append(out, f.ratio())
			}
		}
		if out != nil {
			return out
		}
	}
	return []float64{guessedRatio}
}

func median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// upperTenth gives the value that no more than a tenth of all are above.
func upperTenth(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	return s[(9*len(s)+9)/10-1]
}

// percent writes a share for people: whole percents, small ones with a digit more.
func percent(share float64) string {
	if share < 0.0995 {
		return fmt.Sprintf("%.1f %%", 100*share)
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
