package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
)

// A watched source counts the reads under way, of several sources.
type watched struct {
	*memory
	now, most *atomic.Int32
}

func (w watched) ReadAt(p []byte, off int64) (int, error) {
	n := w.now.Add(1)
	defer w.now.Add(-1)
	for most := w.most.Load(); n > most && !w.most.CompareAndSwap(most, n); most = w.most.Load() {
	}
	time.Sleep(2 * time.Millisecond) // so that others have their turn
	return w.memory.ReadAt(p, off)
}

// Runs of several machines go on side by side in one repository, take no more turns than there are, and each point is its machine's.
func TestRunsTogether(t *testing.T) {
	t.Parallel()
	repo := indextest.Plain(t)
	const machines, turns, rounds = 5, 3, 3
	pool := ingest.NewPool(turns, 0, machines)
	var now, most atomic.Int32
	data := make([][]byte, machines)
	for i := range data {
		data[i] = content(uint64(i), 3<<20)
		copy(data[i][1<<20:2<<20], data[0][1<<20:]) // what all have
	}
	for round := range rounds {
		var all sync.WaitGroup
		var made [machines]*format.Manifest
		var errs [machines]error
		for i := range machines {
			copy(data[i][round<<20:], content(uint64(100*round+i+10), 5*block.Size))
			src := watched{whole(bytes.Clone(data[i])), &now, &most}
			o := ingest.Options{Machine: fmt.Sprint("m", i), Pool: pool, Disks: []ingest.Disk{{
				Name: "vda", Open: func(context.Context, bool) (ingest.Source, error) { return src, nil },
			}}}
			all.Go(func() {
				if made[i], errs[i] = ingest.Run(t.Context(), repo, o); errs[i] != nil {
					t.Error(errs[i])
				}
			})
		}
		all.Wait()
		for i, m := range made {
			if m != nil {
				holds(t, repo, m, "vda", data[i])
			}
		}
	}
	if n := most.Load(); n > turns || n < 2 {
		t.Errorf("%d reads at once, with %d turns", n, turns)
	}
	if sessions, err := repo.Sessions(t.Context()); err != nil || len(sessions) > 0 {
		t.Errorf("%d sessions are left, %v", len(sessions), err)
	}
	points, err := repo.Points(t.Context())
	if err != nil || len(points) != machines*rounds {
		t.Errorf("%d points, %v", len(points), err)
	}
	if problems, err := repo.Verify(t.Context(), index.VerifyOptions{Share: 1}); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
