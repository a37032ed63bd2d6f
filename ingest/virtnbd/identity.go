package virtnbd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"vbfs/index/format"
	"vbfs/ingest"
)

// identify makes a name that the same run has wherever its files lie: of what the streams say of themselves, which has the
// time to the microsecond in it. Of what says nothing the name, size and time stand in.
func (p *Point) identify() string {
	h := sha256.New()
	for _, d := range p.disks() {
		st := p.streams[d]
		fmt.Fprintf(h, "%s\x00%d\x00", st.name, len(st.json))
		switch {
		case !st.raw && st.json != nil:
			h.Write(st.json)
		case st.info != nil:
			fmt.Fprintf(h, "%d %d", st.info.Size(), st.info.ModTime().UnixNano())
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Tags that points of imports have.
const (
	tagFrom       = "imported-from=virtnbdbackup"
	tagSet        = "virtnbdbackup-set="
	tagCheckpoint = "virtnbdbackup-checkpoint="
	tagID         = "virtnbdbackup-id="
)

// Tags say where the point comes from, and which one it is.
func (p *Point) Tags() []string {
	tags := []string{tagFrom, tagSet + p.set.Dir}
	if c := p.Checkpoint(); c != "" {
		tags = append(tags, tagCheckpoint+c)
	}
	return append(tags, tagID+p.id)
}

// In finds the point in a machine's history: the newest complete one that has its ID, else the newest.
func (p *Point) In(points []*format.Manifest) *format.Manifest {
	return ingest.Tagged(points, tagID+p.id)
}

// Still tells whether disks that failed when the point was captured would fail again: it reads all that they are made of.
// The error says why; nil is that one of them would not.
func (p *Point) Still(ctx context.Context, m *format.Manifest) error {
	var why error
	for i := range m.Disks {
		d := &m.Disks[i]
		if d.State != format.DiskFailed {
			continue
		}
		err := p.sound(ctx, d.Name)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		why = errors.Join(why, fmt.Errorf("disk %s: %w", d.Name, err))
	}
	return why
}

// sound reads all that a disk is made of.
func (p *Point) sound(ctx context.Context, name string) error {
	st := p.streams[name]
	if st == nil {
		return p.missing(name)
	}
	chain, err := p.set.chain(st)
	if err != nil {
		return err
	}
	_, err = openImage(ctx, chain, false)
	return err
}

// Look reads the headers of all that the point is made of, and says what is wrong with them.
func (p *Point) Look(ctx context.Context) error {
	var all error
	for _, d := range p.disks() {
		chain, err := p.set.chain(p.streams[d])
		for _, st := range chain {
			err = errors.Join(err, st.use(ctx))
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("disk %s: %w", d, err))
		}
	}
	return all
}
