package vsphere

import (
	"context"
	"time"

	hyper "vbfs/hyper/vsphere"
)

// A Run restores machines in one session, one after the other. What they all need to know is asked for once.
type Run struct {
	conn      *hyper.Conn
	libraries map[hyper.VDDKOptions]error // whether VMware's library is there
	site      known[*hyper.Site]
	machines  known[[]hyper.Entry]
}

// Begin begins a run. Who has logged in logs out.
func Begin(conn *hyper.Conn) *Run {
	return &Run{conn: conn, libraries: map[hyper.VDDKOptions]error{}}
}

// freshTime is how long the inventory is taken to be as it was read, but for what the run did itself: as long as it may change while one
// machine is restored anyway.
const freshTime = time.Minute

// A known is what was asked for, and when.
type known[T any] struct {
	what T
	at   time.Time
}

// get asks when nothing is known, or what is may not be so any more.
func (k *known[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	if time.Since(k.at) < freshTime {
		return k.what, nil
	}
	begun := time.Now()
	what, err := ask(ctx)
	if err == nil {
		*k = known[T]{what, begun}
	}
	return what, err
}

func (k *known[T]) forget() { *k = known[T]{} }

// forget has the inventory read anew: nobody knows what was done to it.
func (r *Run) forget() {
	r.site.forget()
	r.machines.forget()
}

// library tells whether VMware's library is there, nil if it is.
func (r *Run) library(ctx context.Context, o hyper.VDDKOptions) error {
	if err, asked := r.libraries[o]; asked {
		return err
	}
	_, err := hyper.FindVDDK(ctx, o)
	if ctx.Err() == nil {
		r.libraries[o] = err
	}
	return err
}

// grew reads what a restore has made, and what room is left.
func (r *Run) grew(ctx context.Context, n *newMachine) {
	changed := append([]hyper.Ref{n.ref, n.home.Ref}, n.made...)
	for _, s := range n.stores {
		changed = append(changed, s.Ref)
	}
	r.machines.forget()
	if err := r.conn.Refresh(ctx, n.site, changed...); err != nil {
		r.site.forget() // and the next one reads it, or says why not
	}
}
