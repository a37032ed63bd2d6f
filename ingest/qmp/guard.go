package qmp

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"vbfs/hyper/qmp"
)

const (
	// guardEvery is how often the scratch directory and the machine are looked at: a disk of 1 GB/s writes 200 MB between.
	guardEvery = 200 * time.Millisecond

	// A guest that writes all the time overwrites perhaps a tenth of its disks while they are read; less than this share of them, or
	// maxReserve, free is too little to begin with, and half of that to go on.
	reserveShare = 16
	maxReserve   = 1 << 30
)

// A guard gives a capture up before the guest suffers from it: the scratch directory is about to be full, or was, and the
// machine has stopped because of it.
type guard struct {
	stop  chan<- struct{}
	ended <-chan struct{}

	mu     sync.Mutex
	reason error // nil: the capture goes on
}

// reserve is how many bytes have to be free in the scratch directory.
func reserve(todo []*disk) (n int64) {
	for _, d := range todo {
		n += d.node.Image.Size / reserveShare
	}
	return min(n, maxReserve)
}

// room looks whether a directory has so many bytes free.
func room(dir string, want int64) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("scratch directory %s: %w", dir, err)
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < want {
		return fmt.Errorf("scratch directory %s: %w (%d MiB are free, and %d wanted)", dir, ErrScratch, free>>20, want>>20)
	}
	return nil
}

// watch begins to guard a capture; it ends with release.
func (s *shot) watch(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // a command that is given up in its middle breaks the connection
	stop := make(chan struct{})
	ended := make(chan struct{})
	g := &guard{stop: stop, ended: ended}
	s.guard = g
	go func() {
		defer close(ended)
		tick := time.NewTicker(guardEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if why := s.harm(ctx); why != nil {
				g.give(why)
				s.undo(ctx) // Release tries again, and tells
				return
			}
		}
	}()
}

// harm looks whether the guest is about to suffer, or does.
func (s *shot) harm(ctx context.Context) error {
	if err := room(s.run.dir, reserve(s.todo)/2); err != nil {
		return err
	}
	c, err := s.link.client(ctx)
	if err != nil {
		return nil // no harm that could be undone; reads fail by themselves
	}
	status, err := c.Status(ctx)
	if err == nil && status == qmp.IOError && s.run.record.Running {
		return fmt.Errorf("the machine stopped because a write failed: was the scratch directory %s full?", s.run.dir)
	}
	return nil
}

func (g *guard) give(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reason = why
}

// explain adds to an error of reading that the capture was given up, and why.
func (g *guard) explain(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil || g.reason == nil {
		return err
	}
	return fmt.Errorf("given up: %w", g.reason)
}

// end waits for the guard to end.
func (g *guard) end() {
	close(g.stop)
	<-g.ended
}
