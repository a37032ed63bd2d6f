package qmp

import (
	"context"
	"errors"
	"time"

	"vbfs/hyper/qmp"
)

// granularity of the bitmaps, bytes: a block of the store.
const granularity = 64 << 10

// An action is one of a transaction: QAPI, transaction.json, TransactionAction.
type action struct {
	Type string   `json:"type"`
	Data qmp.Args `json:"data"`
}

// actions are what happens at the instant. The jobs come first: from its own on a disk stands still until the end of the
// transaction, so that what the bitmaps say is of the same instant, in iothreads, too.
func (r *run) actions(todo []*disk, copies bool) (all []action) {
	sync := "none"
	if copies {
		sync = "full"
	}
	for _, d := range todo {
		all = append(all, action{"blockdev-backup", qmp.Args{
			"device": d.node.Name, "target": r.scratch(d), "job-id": r.job(d), "sync": sync, "filter-node-name": r.filter(d),
			"auto-dismiss": !copies,
		}})
	}
	for _, d := range todo {
		if d.mark != "" {
			all = append(all, action{"block-dirty-bitmap-add", qmp.Args{
				"node": d.node.Name, "name": bitmap(d.mark, d.name), "granularity": granularity, "persistent": d.canKeep(),
			}})
		}
		if d.base != "" {
			all = append(all, action{"block-dirty-bitmap-add", qmp.Args{
				"node": d.node.Name, "name": r.frozen(), "granularity": granularity, "disabled": true,
			}}, action{"block-dirty-bitmap-merge", qmp.Args{
				"node": d.node.Name, "target": r.frozen(), "bitmaps": []string{d.base},
			}})
		}
	}
	return all
}

// instant runs the transaction. When QEMU will not have the bitmaps, it holds the disks without: all is read then.
func (s *shot) instant(ctx context.Context, c *qmp.Client) error {
	switch {
	case !s.m.o.Pause || s.facts.status != qmp.Running:
		return s.hold(ctx, c)
	case s.facts.threads:
		s.warnings = append(s.warnings, "the machine was not stopped for the instant: it has iothreads, and QEMU "+s.facts.version.String()+
			" may end when it goes on while its disks are held")
		return s.hold(ctx, c)
	}
	return s.stopped(ctx, c, s.hold)
}

func (s *shot) hold(ctx context.Context, c *qmp.Client) error {
	transact := func() error {
		s.time = time.Now()
		return c.Do(ctx, "transaction", qmp.Args{"actions": s.run.actions(s.todo, s.facts.threads)}, nil)
	}
	err := transact()
	var said *qmp.Error
	if !errors.As(err, &said) {
		return err
	}
	for _, d := range s.todo {
		d.mark, d.base, d.fallback = "", "", "QEMU keeps no bitmap: "+said.Text
	}
	if transact() != nil {
		return err // of the disks, then
	}
	s.warnings = append(s.warnings, "the next point will be read in full: QEMU keeps no bitmap: "+said.Text)
	return nil
}

// stopped stops the machine while f is at work. It goes on whatever happens; who is killed meanwhile has left a note.
func (s *shot) stopped(ctx context.Context, c *qmp.Client, f func(context.Context, *qmp.Client) error) error {
	s.run.record.Stops = true
	if err := s.run.write(); err != nil {
		return err
	}
	err := c.Do(ctx, "stop", nil, nil)
	if err == nil {
		err = f(ctx, c)
	}
	err = errors.Join(err, s.goOn(ctx))
	return err
}

// goOn continues the machine that was stopped, over a new connection if need be.
func (s *shot) goOn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	err := s.link.do(ctx, func(ctx context.Context, c *qmp.Client) error { return s.run.resume(ctx, c, true, qmp.Paused) })
	if err != nil {
		return err
	}
	s.run.record.Stops = false
	return s.run.write()
}
