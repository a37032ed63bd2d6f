package main

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"vbfs/index"
	"vbfs/ingest"
	"vbfs/ingest/nbd"
)

// auditRow tells which share of an increment's time its audit is. The program does not do without, so the increment is
// made in this process, too, by way of a source that sees when what was not reported is read: the audit comes last.
func auditRow() row {
	return row{
		work: "CBT audit of an increment of 1 % scattered blocks", peer: "the whole increment's wall, as of the program",
		goal: "<= 0.03", unit: "ms", bound: 0.03,
		start: func(ctx context.Context, l *lab) (contest, error) {
			i, err := l.increment(ctx)
			return contest{
				ours: i.audit,
				peer: func(ctx context.Context) (float64, error) {
					s, err := i.time(ctx)
					return 1000 * s, err
				},
				close: i.close,
			}, err
		},
	}
}

// audit gives the milliseconds from the begin of the first read of an unchanged block to the end of all work on the disk.
func (i increment) audit(ctx context.Context) (ms float64, err error) {
	w := &watched{}
	d := ingest.Disk{Name: diskName, Tracking: bitmap, Changes: true, Open: func(ctx context.Context, _ bool) (_ ingest.Source, err error) {
		w.Source, err = nbd.Open(ctx, uri(i.socket, machine), nbd.Options{Bitmaps: []string{bitmap}})
		return w, err
	}}
	err = i.copied(ctx, func(dir string) error {
		return within(ctx, dir, func(repo *index.Repository) error {
			start := time.Now()
			m, err := ingest.Run(ctx, repo, ingest.Options{Machine: machine, Disks: []ingest.Disk{d}})
			if err != nil {
				return err
			}
			i.l.say("  audit %.1f ms of %.0f ms in one process", w.took(), 1000*time.Since(start).Seconds())
			if d := m.Disks[0]; d.Audited == 0 || d.Fallback != "" {
				return fmt.Errorf("audited %d bytes, fallback %q", d.Audited, d.Fallback)
			}
			return nil
		})
	})
	return w.took(), err
}

// A watched source sees when it is read where it reported nothing.
type watched struct {
	*nbd.Source

	mu       sync.Mutex // guards all below
	reported []ingest.Extent
	first    time.Time // of such reads
	end      time.Time // of all
}

func (w *watched) took() float64 { return 1000 * w.end.Sub(w.first).Seconds() }

func (w *watched) Extents(ctx context.Context) iter.Seq2[ingest.Extent, error] {
	return func(yield func(ingest.Extent, error) bool) {
		for e, err := range w.Source.Extents(ctx) {
			w.mu.Lock()
			w.reported = append(w.reported, e)
			w.mu.Unlock()
			if !yield(e, err) {
				return
			}
		}
	}
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	w.look(off)
	return w.Source.ReadAt(p, off)
}

func (w *watched) look(off int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.first.IsZero() {
		return
	}
	for _, e := range w.reported {
		if off >= e.Off && off < e.Off+e.Len {
			return
		}
	}
	w.first = time.Now()
}

func (w *watched) Close() error {
	w.end = time.Now()
	return w.Source.Close()
}
