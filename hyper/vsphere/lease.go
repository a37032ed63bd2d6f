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

// A Lease is the export of a snapshot's disks, as streams of streamOptimized VMDK. It is kept alive until Close.
type Lease struct {
	c    *Conn
	ref  Ref
	urls []types.HttpNfcLeaseDeviceUrl

	percent atomic.Int32 // told to the server
	stop    func()
	kept    sync.WaitGroup
	lost    atomic.Pointer[error] // why it cannot be kept alive
}

// readyTime bounds how long a host may take to make a lease ready.
const readyTime = 10 * time.Minute

// Export begins the export of a snapshot.
func (c *Conn) Export(ctx context.Context, snapshot Ref) (*Lease, error) {
	r, err := methods.ExportSnapshot(ctx, c.vim, &types.ExportSnapshot{This: snapshot})
	if err != nil {
		return nil, fmt.Errorf("export snapshot %s: %w", snapshot.Value, translate(err))
	}
	l := &Lease{c: c, ref: r.Returnval}
	info, err := l.ready(ctx)
	if err != nil {
		l.end(context.WithoutCancel(ctx), false)
		return nil, fmt.Errorf("export snapshot %s: %w", snapshot.Value, err)
	}
	l.urls = info.DeviceUrl
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
		if err = translate(err); errors.Is(err, ErrGone) {
			l.lost.Store(&err)
			return
		}
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
	u, err := l.c.session.soap.ParseURL(found.Url) // which puts the server in the place of *
	if err != nil || u.Scheme != "https" {
		return nil, fmt.Errorf("%w: its address of the disk at %s is %q", ErrLease, place, found.Url)
	}
	l.c.trust.expect(withPort(u.Host), found.SslThumbprint)
	return u, nil
}

// Done tells how much of all was read, in per cent.
func (l *Lease) Done(percent int) { l.percent.Store(int32(min(max(percent, 0), 100))) }

// Close ends the export; well says whether all that was wanted was read.
func (l *Lease) Close(ctx context.Context, well bool) error {
	l.stop()
	l.kept.Wait()
	if err := l.end(ctx, well); err != nil && !errors.Is(err, ErrGone) {
		return fmt.Errorf("end the export: %w", err)
	}
	return nil
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
		if lost := s.l.lost.Load(); lost != nil {
			err = errors.Join(err, *lost)
		}
		err = fmt.Errorf("%w: %w", ErrLease, err)
	}
	return n, err
}

func (s *stream) Close() error { return s.res.Body.Close() }
