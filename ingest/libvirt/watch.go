package libvirt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// A full scratch file system would be the guest's trouble: QEMU keeps the backup right, and fails the guest's write that it
// cannot save the old bytes for, upon which the machine stops. So the job is ended before.

// watchPoll is how often the free space is looked at; a guest that overwrites 1 GB/s writes as much as watchFloor meanwhile.
const (
	watchPoll  = 200 * time.Millisecond
	watchFloor = 256 << 20
)

// A watch looks at the scratch directory's free space, and ends the job when little is left.
type watch struct {
	stop context.CancelFunc
	done chan struct{}

	mu  sync.Mutex
	why error // the job was ended
}

// newWatch watches the file system of dir, in which need bytes had to be free at the beginning.
func newWatch(dir string, need int64, end func(context.Context) error) *watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &watch{stop: stop, done: make(chan struct{})}
	floor := min(watchFloor, need/4)
	go func() {
		defer close(w.done)
		for w.look(dir, floor) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchPoll):
			}
		}
		if err := end(ctx); err != nil {
			w.because(errors.Join(w.because(nil), err))
		}
	}()
	return w
}

// look tells whether there is room.
func (w *watch) look(dir string, floor int64) bool {
	n, err := free(dir)
	if err == nil && n >= floor {
		return true
	}
	if err == nil {
		err = fmt.Errorf("%w: %s has %d bytes left, for what the guest overwrites meanwhile: choose another with more room by --scratch",
			ErrScratch, filepath.Dir(dir), n)
	}
	w.because(err)
	return false
}

// because notes why the job was ended, unless err is nil, and gives it.
func (w *watch) because(err error) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.why = err
	}
	return w.why
}

// close ends the watch.
func (w *watch) close() {
	if w != nil {
		w.stop()
		<-w.done
	}
}
