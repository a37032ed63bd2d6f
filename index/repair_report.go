package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vbfs/index/format"
)

// errDry ends a dry run that can tell no more.
var errDry = errors.New("nothing more can be told before the record of moves is made anew")

// fetch copies points whose manifests are damaged from the other repository. The damaged manifests stay.
func (p *repair) fetch(ctx context.Context) error {
	if p.o.From == nil {
		return nil
	}
	c := NewCopier(p.o.From, p.r, p.o.Progress)
	for _, q := range p.v.problems {
		if len(q.Hurts) != 1 || q.Hurts[0].Disk != "" {
			continue
		}
		there := p.donors.origins[p.originOf(q.Hurts[0].Point)]
		if there == nil {
			continue
		}
		if p.o.DryRun {
			p.did[q.Object] = "would be copied again"
			continue
		}
		got, err := c.Copy(ctx, there)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNoPoint) {
				return fmt.Errorf("copy %s@%s again: %w", there.MachineName, there.Name, err)
			}
			p.did[q.Object] = fmt.Sprintf("could not be copied again: %v", err)
			continue
		}
		p.did[q.Object] = fmt.Sprintf("copied again as %s@%s, %v", got.Point.MachineName, got.Point.Name, got.Point.Point)
		if !got.There {
			p.result.Fetched = append(p.result.Fetched, got)
		}
	}
	return nil
}

// originOf gives the origin of a point whose manifest is damaged, as the catalog knows it.
func (p *repair) originOf(id format.UUID) origin {
	if m := p.r.catalogued(id); m != nil {
		return p.r.originOf(m)
	}
	return origin{p.r.ID(), id}
}

// rebuildTable makes the table anew when some of it is damaged.
func (p *repair) rebuildTable(ctx context.Context) error {
	damaged := slices.ContainsFunc(p.v.problems, func(q *Problem) bool { return strings.HasPrefix(q.Object, tableFolder+"/") })
	if !damaged {
		return nil
	}
	p.result.Table = true
	if p.o.DryRun {
		return nil
	}
	return p.r.RebuildTable(ctx, new(Progress))
}

// report tells what became of each problem. What was not healed is what another look finds: then the way to it is free.
func (p *repair) report(ctx context.Context) error {
	healed := map[*Problem]bool{}
	for _, q := range p.v.problems {
		f := &Finding{Problem: *q, By: p.by(q)}
		if f.Healed = p.isHealed(q); f.Healed {
			healed[q] = true
			p.result.Findings = append(p.result.Findings, f)
		}
	}
	left := p.v.problems
	if !p.o.DryRun {
		again := newVerifier(p.r, VerifyOptions{})
		if err := again.run(ctx); err != nil {
			return err
		}
		left = p.join(again.problems, healed)
	}
	for _, q := range left {
		if !healed[q] {
			p.result.Findings = append(p.result.Findings, &Finding{Problem: *q, Advice: p.advice(q)})
		}
	}
	return nil
}

// join adds to what a second look, which read no data, found what only the first could find.
func (p *repair) join(again []*Problem, healed map[*Problem]bool) []*Problem {
	told := map[string]bool{}
	for _, q := range again {
		told[q.Object] = true
	}
	for _, q := range p.v.problems {
		_, single := p.slots[q]
		if !healed[q] && (!told[q.Object] || single && len(q.Hurts) == 0) {
			again = append(again, q)
		}
	}
	return again
}

// isHealed tells whether a problem is no more.
func (p *repair) isHealed(q *Problem) bool {
	if strings.HasPrefix(q.Object, tableFolder+"/") {
		return p.result.Table
	}
	if p.cured(q) {
		return true
	}
	if id, ok := p.objects[q.Object]; ok {
		return p.replaced[id]
	}
	for id, b := range p.v.bad {
		if b.all == q {
			return !p.lacks(id)
		}
	}
	return false
}

// lacks tells whether some block of a pack was not healed.
func (p *repair) lacks(id format.PackID) bool {
	for slot := range len(p.wanted.named[id]) * 64 {
		at := format.Address{Pack: id, Slot: uint16(slot)}
		if p.wanted.named.has(at) && p.cures[at] == nil {
			return true
		}
	}
	return false
}

// by tells what healed a problem.
func (p *repair) by(q *Problem) []string {
	if p.cured(q) {
		return []string{p.cures[p.slots[q]].by}
	}
	var out []string
	for at, c := range p.cures {
		if strings.HasSuffix(q.Object, "/"+at.Pack.String()) && c.by != "" && !slices.Contains(out, c.by) {
			out = append(out, c.by)
		}
	}
	slices.Sort(out)
	return out
}

// ways out of what repair leaves alone, by folders.
var ways = map[string]string{
	sessionsFolder: "when no backup is at work, delete this file: no point needs it",
	pendingFolder:  "when no backup is at work, delete this file: no point needs it",
	gcFolder:       "when no prune is at work, delete this file: no point needs it",
	notesFolder:    "what it said is not known, and the point counts as protected: say so anew with vbackup protect",
	verifiedFolder: "the next vbackup verify --read-data takes its place",
	keysFolder:     "make another key with vbackup key add, then remove this one",
	pointsFolder:   "if no copy of the file is left, drop the point with vbackup forget",
}

// advice tells what was done about a problem that stays, or what can be.
func (p *repair) advice(q *Problem) string {
	if text, ok := p.did[q.Object]; ok {
		return text
	}
	folder, _, _ := strings.Cut(q.Object, "/")
	way := ways[folder]
	if _, stored := p.objects[q.Object]; stored && len(q.Hurts) == 0 {
		way = "no point needs it: vbackup prune deletes it"
	}
	return way
}

// note tells on the points what of them cannot be read, and takes back what is so no more.
func (p *repair) note(ctx context.Context) error {
	hurts := map[format.UUID][]Hurt{}
	for _, f := range p.result.Findings {
		if f.Healed {
			continue
		}
		for _, h := range f.Hurts {
			hurts[h.Point] = append(hurts[h.Point], h)
		}
	}
	facts, err := p.r.Notes(ctx)
	if err != nil {
		return err
	}
	points := map[format.UUID]bool{}
	for id := range hurts {
		points[id] = true
	}
	for _, m := range p.v.points {
		points[m.Point] = true
	}
	for id := range points {
		text := hurtText(hurts[id])
		if text == facts[id].Damaged {
			continue
		}
		if text == "" {
			p.result.Cleared++
		} else {
			p.result.Marked++
		}
		if p.o.DryRun {
			continue
		}
		if err := p.r.AddNote(ctx, id, format.NoteDamaged, text); err != nil {
			return err
		}
	}
	return nil
}

// maxHurtText bounds what a note says, in bytes.
const maxHurtText = 4 << 10

// hurtText says what of a point cannot be read.
func hurtText(hurts []Hurt) string {
	slices.SortFunc(hurts, func(a, b Hurt) int { return cmp.Or(strings.Compare(a.Disk, b.Disk), cmp.Compare(a.Off, b.Off)) })
	var out []string
	n := 0
	for i, h := range hurts {
		text := fmt.Sprintf("%s: %d bytes at %d", h.Disk, h.Len, h.Off)
		if h.Disk == "" {
			text = "the manifest"
		}
		if n += len(text) + 2; n > maxHurtText {
			return strings.Join(append(out, fmt.Sprintf("and %d ranges more", len(hurts)-i)), "; ")
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}
