package index

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/pack"
)

// RepairOptions says what damage is looked for, and what may heal it.
type RepairOptions struct {
	ReadData func(p format.PackID) bool // as of VerifyOptions
	From     *Repository                // has copies of points, or what they are copies of; nil for none
	Live     []Live                     // disks as they are now
	DryRun   bool                       // nothing is written
	Progress *Progress
}

// A Live is a disk as it is now: some of its bytes may be those that were lost.
type Live struct {
	io.ReaderAt
	Size    int64
	Machine string // name; "" is any
	Disk    string // name in the machine's points
	Name    string // for people
}

// A Repaired is what a repair came to, or would.
type Repaired struct {
	Findings []*Finding
	Blocks   int // blocks and map nodes that were healed
	Lost     int // blocks and map nodes that are marked: nothing new names them
	Fetched  []*Copied
	Marked   int  // points that are noted to be damaged
	Cleared  int  // points of which that note was withdrawn
	Table    bool // was made anew
}

// A Finding is a problem, and what became of it.
type Finding struct {
	Problem
	Healed bool
	By     []string // what healed it
	Advice string   // what else was done about it, or can be
}

// Repair looks for damage and heals what can be healed: a block only by bytes that have the ID that is wanted, a node of a
// map only by bytes that have its hash. What was healed lies in bundles, bound to its address; nothing is deleted or
// overwritten but caches. What could not be healed is marked, so that nothing new names it, and noted on the points that
// it hurts. ErrCollecting when a collection is at work.
func (r *Repository) Repair(ctx context.Context, o RepairOptions) (*Repaired, error) {
	if err := collectable(ctx, r.store); err != nil {
		return nil, err
	}
	p := newRepair(r, o)
	done, err := p.claim(ctx)
	if err != nil {
		return nil, err
	}
	return p.result, errors.Join(p.run(ctx), done())
}

func (p *repair) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		p.mendMoves, p.look, p.findDonors, p.healNodes, p.healBlocks, p.healLeaves, p.replace, p.write, p.publish, p.fetch, p.rebuildTable,
		p.report, p.note,
	} {
		if err := step(ctx); err != nil {
			if errors.Is(err, errDry) {
				return nil
			}
			return err
		}
	}
	return nil
}

// claim keeps collections and other repairs away until done is called: they would record moves, too, and take bundles that
// no moves name yet for orphans. Without a claim, where nothing could take it back, whoever records moves first keeps the
// others from it; so a damaged object in gc/ is no hindrance.
func (p *repair) claim(ctx context.Context) (done func() error, err error) {
	var id format.UUID
	rand.Read(id[:])
	done = func() error { return nil }
	if !p.o.DryRun && mayDelete(ctx, p.r.store, gcName(id)) == nil {
		c := &format.Collection{Host: hostname(), PID: int64(os.Getpid()), Boot: bootID(), Start: time.Now().UTC()}
		if err := p.r.put(ctx, format.KindCollection, gcName(id), c); err != nil {
			return nil, fmt.Errorf("begin to repair: %w", err)
		}
		done = func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
			defer cancel()
			return ignoreMissing(p.r.store.Delete(ctx, gcName(id)))
		}
	}
	all, err := p.r.collections(ctx)
	for _, c := range all {
		if c.id != id && c.done == nil && c.alive() {
			return nil, errors.Join(fmt.Errorf("by process %d on %s since %s: %w", c.PID, c.Host, c.Start.Format(time.RFC3339), ErrCollecting), done())
		}
	}
	if ignoreDamage(err) != nil {
		return nil, errors.Join(err, done())
	}
	return done, nil
}

// A repair is one on its way. It belongs to one goroutine.
type repair struct {
	r       *Repository
	o       RepairOptions
	v       *verifier                   // what it looked with first
	slots   map[*Problem]format.Address // problems that are of a single block
	objects map[string]format.PackID    // packs and bundles by their names
	moves   *pack.Moves
	result  *Repaired

	donors   *donors
	nodes    *curedNodes
	maps     *imagemap.Cache
	wanted   *wanted
	cures    map[format.Address]*cure
	absent   map[format.PackID]bool         // packs of which nothing can be read
	salvaged map[format.PackID]*pack.Reader // packs that do not open as they are; nil for those that do not open at all

	replaced map[format.PackID]bool // damaged packs and bundles of which nothing is needed any more
	written  []format.Move
	did      map[string]string // what was done about objects that are not healed
}

func newRepair(r *Repository, o RepairOptions) *repair {
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	return &repair{
		r: r, o: o, result: &Repaired{}, maps: imagemap.NewCache(nodesCache), nodes: newCuredNodes(r),
		cures: map[format.Address]*cure{}, absent: map[format.PackID]bool{}, salvaged: map[format.PackID]*pack.Reader{}, replaced: map[format.PackID]bool{},
		slots: map[*Problem]format.Address{}, objects: map[string]format.PackID{}, did: map[string]string{},
	}
}

// look verifies, which names what is damaged.
func (p *repair) look(ctx context.Context) error {
	p.v = newVerifier(p.r, VerifyOptions{ReadData: p.o.ReadData, Progress: p.o.Progress})
	if err := p.v.run(ctx); err != nil {
		return err
	}
	p.moves = p.v.moves
	for id, b := range p.v.bad {
		for slot, q := range b.slots {
			p.slots[q] = format.Address{Pack: id, Slot: slot}
		}
	}
	for id, o := range p.v.stored {
		p.objects[o.name] = id
	}
	if p.o.DryRun {
		return nil
	}
	if err := p.v.record(ctx); err != nil && !errors.Is(err, ErrUnrecorded) {
		return err
	}
	return nil
}

// A cure is how a block or node that is lost can be had again.
type cure struct {
	kind  format.Kind
	id    block.ID
	read  func(context.Context) ([]byte, error) // the bytes: their ID is compared again when they are written
	by    string
	moved bool // it can be read, and is moved out of a damaged pack
}
