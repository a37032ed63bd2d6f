package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"vbfs/hyper/libvirt"
	"vbfs/hyper/qemu"
	"vbfs/index/format"
	"vbfs/ingest"
)

// A rest is a domain that is shut off, and is kept so.
type rest struct {
	*hold
	locks []io.Closer
	paths map[string]string // by target: what is locked, or could not be
	busy  map[string]error  // by target: why it cannot be read
}

// errStarted ends a capture that would be of a domain at rest.
var errStarted = errors.New("the domain was started just now")

// takeOffline captures a domain that is shut off: what its images hold is what it is, as long as nobody starts it. One that was
// started before it could be kept from it is taken as it runs.
func (m *Machine) takeOffline(ctx context.Context, w ingest.Wish, dom *libvirt.Domain) (*ingest.Shot, error) {
	if err := m.near(dom); err != nil {
		return nil, err
	}
	memory, err := remember(m.o.State, dom.UUID())
	if err != nil {
		return nil, err
	}
	r := &rest{hold: &hold{m: m, w: w, dom: dom, state: libvirt.ShutOff, memory: memory}, paths: map[string]string{}, busy: map[string]error{}}
	shot, err := r.take(ctx)
	if err == nil {
		return shot, nil
	}
	err = errors.Join(err, r.unlock())
	memory.close()
	if state, e := dom.State(ctx); errors.Is(err, errStarted) && e == nil && state != libvirt.ShutOff {
		return m.take(ctx, w, dom, state)
	}
	return nil, err
}

// near refuses a domain at rest on another host.
func (m *Machine) near(dom *libvirt.Domain) error {
	if !m.conn.Remote() {
		return nil
	}
	return fmt.Errorf("domain %s is shut off, and its images are on %s: start it, or run vbackup there", dom.Name(), m.conn.Host())
}

// take looks at nothing before it is kept from changing.
func (r *rest) take(ctx context.Context) (*ingest.Shot, error) {
	if err := r.clearFiles(); err != nil {
		r.warn("%v", err)
	}
	for _, do := range []func(context.Context) error{r.wake, r.lock, r.reach} {
		if err := do(ctx); err != nil {
			return nil, err
		}
	}
	at := time.Now()
	f, err := r.facts(ctx)
	if err != nil {
		return nil, err
	}
	known, err := r.known(ctx)
	if err != nil {
		return nil, err
	}
	r.warn("the domain was shut off, and could not be started while it was read")
	s := &ingest.Shot{
		Time: at, Consistency: r.consistency, Hypervisor: known,
		Release: func(context.Context) error { return r.unlock() },
		Settle:  func(context.Context, *format.Manifest) error { r.memory.close(); return nil },
	}
	for _, p := range plan(f, r.w, r.m.o.Skip) {
		s.Disks = append(s.Disks, r.disk(ctx, p))
	}
	s.Warnings = r.warnings
	return s, nil
}

// lock keeps the domain from starting, by the locks that its QEMU would need, and makes sure that it did not start before.
func (r *rest) lock(ctx context.Context) error {
	about, err := r.dom.Describe(ctx, true)
	if err != nil {
		return err
	}
	for _, d := range about.Disks {
		if left(d, r.m.o.Skip) == "" {
			r.lockDisk(ctx, d)
		}
	}
	state, err := r.dom.State(ctx)
	if err == nil && state != libvirt.ShutOff {
		err = errStarted
	}
	return err
}

// lockDisk locks the image that a disk lies in. A file system that knows no locks is told of; another one's lock is the disk's end.
func (r *rest) lockDisk(ctx context.Context, d libvirt.Disk) {
	path, err := r.path(ctx, d)
	if err != nil {
		r.busy[d.Target] = err
		return
	}
	r.paths[d.Target] = path
	l, err := qemu.Lock(path)
	switch {
	case errors.Is(err, qemu.ErrInUse):
		r.busy[d.Target] = fmt.Errorf("%w: another domain has it, or this one on another host", err)
	case errors.Is(err, qemu.ErrNoLocks):
		r.warn("disk %s: nothing kept others from writing to it while it was read: %v", d.Target, err)
	case err != nil:
		r.busy[d.Target] = err
	default:
		r.locks = append(r.locks, l)
	}
}

// path tells where a disk's image lies on this host.
func (h *hold) path(ctx context.Context, d libvirt.Disk) (string, error) {
	switch d.Kind {
	case "file", "block":
		return d.Source, nil
	case "volume":
		pool, volume, _ := strings.Cut(d.Source, "/")
		return h.m.conn.VolumePath(ctx, pool, volume)
	}
	return "", fmt.Errorf("of type %s, which can be read only while the domain runs: start it", d.Kind)
}

// unlock lets the domain start.
func (r *rest) unlock() (err error) {
	for _, l := range r.locks {
		err = errors.Join(err, l.Close())
	}
	r.locks = nil
	return err
}

// reach tells how consistent a domain at rest is: as its guest left it.
func (r *rest) reach(ctx context.Context) error {
	clean, err := r.dom.ShutDown(ctx)
	if err != nil {
		return err
	}
	r.consistency = ingest.Crash
	if clean {
		r.consistency = ingest.Application // its programs have ended
	}
	if err := r.reached(); err != nil {
		return fmt.Errorf("%w: nobody knows that the guest shut itself down", err)
	}
	return nil
}
