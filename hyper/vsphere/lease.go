package vsphere

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// A Lease is the export of a snapshot's disks, or the import of a machine's, as streams of streamOptimized VMDK. It is kept alive until
// Close.
type Lease struct {
	c       *Conn
	ref     Ref
	entity  Ref
	imports bool
	urls    []types.HttpNfcLeaseDeviceUrl

	percent atomic.Int32 // told to the server
	stop    func()
	kept    sync.WaitGroup
	dead    chan struct{} // closed when it cannot be kept alive
	lost    error         // why, by then
}

// readyTime bounds how long a host may take to make a lease ready.
const readyTime = 10 * time.Minute

// Export begins the export of a snapshot.
func (c *Conn) Export(ctx context.Context, snapshot Ref) (*Lease, error) {
	r, err := methods.ExportSnapshot(ctx, c.vim, &types.ExportSnapshot{This: snapshot})
	if err != nil {
		return nil, fmt.Errorf("export snapshot %s: %w", snapshot.Value, translate(err))
	}
	l, err := c.hold(ctx, r.Returnval)
	if err != nil {
		return nil, fmt.Errorf("export snapshot %s: %w", snapshot.Value, err)
	}
	return l, nil
}

// hold waits for a lease, and keeps it alive.
func (c *Conn) hold(ctx context.Context, ref Ref) (*Lease, error) {
	l := &Lease{c: c, ref: ref, dead: make(chan struct{})}
	info, err := l.ready(ctx)
	if err != nil {
		l.end(context.WithoutCancel(ctx), false)
		return nil, err
	}
	l.urls, l.entity = info.DeviceUrl, info.Entity
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.kept.Go(func() { l.keep(life, info.LeaseTimeout) })
	return l, nil
}

// ready waits until the lease is.
func (l *Lease) ready(ctx context.Context) (*types.HttpNfcLeaseInfo, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, fmt.Errorf("%w: not ready within %v", ErrTimeout, readyTime))
	defer cancel()
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		var v mo.HttpNfcLease
		if err := l.c.get(ctx, l.ref, &v, "state", "info", "error"); err != nil {
			return nil, err
		}
		switch {
		case v.State == types.HttpNfcLeaseStateReady && v.Info != nil:
			return v.Info, nil
		case v.State == types.HttpNfcLeaseStateError:
			return nil, fmt.Errorf("%w: %w", ErrLease, taskError(v.Error))
		case v.State == types.HttpNfcLeaseStateDone:
			return nil, fmt.Errorf("%w: it has ended before it began", ErrLease)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// keep tells the server that the lease is in use, well before it ends by itself.
func (l *Lease) keep(ctx context.Context, seconds int32) {
	every := min(max(time.Duration(seconds)*time.Second/5, 200*time.Millisecond), time.Minute)
	for sleep(ctx, every) == nil {
		_, err := methods.HttpNfcLeaseProgress(ctx, l.c.vim, &types.HttpNfcLeaseProgress{This: l.ref, Percent: l.percent.Load()})
		if err = translate(err); errors.Is(err, ErrGone) || faulted(err, "InvalidState") || faulted(err, "Timedout") {
			l.lost = fmt.Errorf("%w: the server has ended it: %w", ErrLease, err)
			close(l.dead)
			return
		}
	}
}

// ended is why the lease is not alive any more, or nil.
func (l *Lease) ended() error {
	select {
	case <-l.dead:
		return l.lost
	default:
		return nil
	}
}

// Stream begins to read a disk of the snapshot. How much of all was read is told by Done, for who watches the task.
func (l *Lease) Stream(ctx context.Context, d Disk) (io.ReadCloser, error) {
	u, err := l.url(d)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	res, err := l.c.session.soap.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: disk %s from %s: %w", ErrLease, d.Name, u.Host, unreachable(err))
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("%w: disk %s from %s: the answer is %s", ErrLease, d.Name, u.Host, res.Status)
	}
	return &stream{l, res}, nil
}

// url finds a disk's among the lease's: by its controller's class, bus and unit.
func (l *Lease) url(d Disk) (*url.URL, error) {
	var found *types.HttpNfcLeaseDeviceUrl
	place := fmt.Sprintf("/%s%d:%d", d.Adapter, d.BusNumber, d.Unit)
	for i, u := range l.urls {
		if strings.HasSuffix(u.Key, place) && on(u.Disk) {
			if found != nil {
				return nil, fmt.Errorf("%w: it has two disks at %s", ErrLease, place)
			}
			found = &l.urls[i]
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: it has no disk at %s", ErrLease, place)
	}
	return l.parse(found)
}

// parse reads a disk's address.
func (l *Lease) parse(d *types.HttpNfcLeaseDeviceUrl) (*url.URL, error) {
	u, err := l.c.session.soap.ParseURL(d.Url) // which puts the server in the place of *
	if err != nil || u.Scheme != "https" {
		return nil, fmt.Errorf("%w: the address of disk %s is %q", ErrLease, d.Key, d.Url)
	}
	l.c.trust.expect(withPort(u.Host), d.SslThumbprint)
	return u, nil
}

// Done tells how much of all was read or written, in per cent.
func (l *Lease) Done(percent int) { l.percent.Store(int32(min(max(percent, 0), 100))) }

// Close ends it; well says whether all that was wanted was read, or written.
func (l *Lease) Close(ctx context.Context, well bool) error {
	l.stop()
	l.kept.Wait()
	err := l.end(ctx, well)
	if err == nil || errors.Is(err, ErrGone) && !(well && l.imports) || !well && l.ended() != nil {
		return nil
	}
	return fmt.Errorf("end the transfer of disks: %w", err)
}

func (l *Lease) end(ctx context.Context, well bool) (err error) {
	if well {
		_, err = methods.HttpNfcLeaseComplete(ctx, l.c.vim, &types.HttpNfcLeaseComplete{This: l.ref})
	} else {
		_, err = methods.HttpNfcLeaseAbort(ctx, l.c.vim, &types.HttpNfcLeaseAbort{This: l.ref})
	}
	return translate(err)
}

// A stream is a disk on its way. That it ends early is an error, where the server tells its length, or cuts.
type stream struct {
	l   *Lease
	res *http.Response
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.res.Body.Read(p)
	if err != nil && err != io.EOF {
		if lost := s.l.ended(); lost != nil {
			err = errors.Join(err, lost)
		}
		err = fmt.Errorf("%w: %w", ErrLease, err)
	}
	return n, err
}

func (s *stream) Close() error { return s.res.Body.Close() }
