package vsim

import (
	"crypto/rand"
	"fmt"
	"maps"
)

// A track is the change tracking of one disk: which grain was last written in which era. A snapshot ends an era and keeps a
// copy, as the frozen -ctk file of a real snapshot does: a grain written again later must not drop out of what it tells.
type track struct {
	generation string // the part of a changeId before the "/"; another one is another life of the disk
	era        int64
	written    map[int64]int64
	late       bool // begun while there were snapshots: of what was written before, it knows nothing, and says nothing
}

func newTrack(late bool) *track {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] = 0x52
	return &track{generation: fmt.Sprintf("% x-% x", b[:8], b[8:]), era: 1, written: make(map[int64]int64), late: late}
}

func (t *track) changeID() string { return fmt.Sprintf("%s/%d", t.generation, t.era) }

func (t *track) write(grain int64) { t.written[grain] = t.era }

// freeze is what a snapshot keeps. The writes that follow are of the next era.
func (t *track) freeze() *track {
	kept := t.copy()
	t.era++
	return kept
}

// revive is what goes on after a revert: from the number that the snapshot had, so numbers are used twice.
func (t *track) revive() *track {
	again := t.copy()
	again.era++
	return again
}

func (t *track) copy() *track {
	c := *t
	c.written = maps.Clone(t.written)
	return &c
}

// since are the grains written after an era.
func (t *track) since(era int64) map[int64]bool {
	changed := make(map[int64]bool)
	for grain, last := range t.written {
		if last > era {
			changed[grain] = true
		}
	}
	return changed
}
