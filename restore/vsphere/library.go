package vsphere

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	hyper "vbfs/hyper/vsphere"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/nbd"
)

const (
	// libraryTime is how long the library may give no sign of life: it connects to the server and a host before it answers.
	libraryTime = 5 * time.Minute

	// zeroSize bounds the zeros of one request, in bytes: nbdkit writes them out, in one request to the library, which through vCenter has
	// buffers for 2 MiB.
	zeroSize = 1 << 20

	// slack is how much longer than the image a disk that was made for it may be, in bytes: VMware rounds up.
	slack = 1 << 20
)

// A library is a disk that VMware's library writes, by nbdkit: over one connection, for it offers no more.
type library struct {
	*nbd.Target
	nbdkit  *hyper.VDDK
	used    *restore.Marks // what may hold anything but zeros; nil is everything
	touched atomic.Bool    // something was written, or may have been
}

var (
	_ restore.Target   = (*library)(nil)
	_ restore.Rereader = (*library)(nil)
	_ restore.Image    = (*library)(nil)
)

func (c *carrier) open(ctx context.Context, ref hyper.Ref, to *hyper.Disk, d machine.Disk, fresh bool) (*library, error) {
	v, err := c.conn.WriteVDDK(ctx, ref, to.File, c.vddk)
	if err != nil {
		return nil, err
	}
	t, err := nbd.Open(ctx, v.URI(), restore.Spec{Size: d.Record.Size, Overwrite: true}, nbd.Options{Timeout: libraryTime, ZeroSize: zeroSize})
	if err != nil {
		end := v.Close() // then all that it said is here
		return nil, errors.Join((&library{nbdkit: v}).saying(err), end)
	}
	l := &library{Target: t, nbdkit: v}
	if more := t.Size() - d.Record.Size; more >= slack || more >= 1024 && !fresh {
		return nil, errors.Join(fmt.Errorf("%w: it has %d bytes, the point's %d", machine.ErrOther, t.Size(), d.Record.Size), l.Close())
	}
	if err := l.learn(ctx, fresh); err != nil {
		return nil, errors.Join(l.saying(err), l.Close())
	}
	return l, nil
}

// saying adds what the library said: NBD itself has no words for it.
func (l *library) saying(err error) error {
	if s := l.nbdkit.Said(); s != "" {
		return fmt.Errorf("%w: nbdkit says: %s", err, s)
	}
	return err
}

// learn finds out what of the disk was ever written to: the rest reads as zeros, need not be read, nor zeroed, so that a thin disk stays
// thin. A sample of the rest is read all the same. In doubt, everything is in use.
func (l *library) learn(ctx context.Context, fresh bool) (err error) {
	used, err := restore.NewMarks(l.Size())
	if err != nil {
		return err
	}
	for off := int64(0); off < l.Size() && !fresh; {
		n, data, err := l.Target.Extent(off)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || n <= 0 {
			return nil
		}
		if data {
			used.Add(off, n)
		}
		off += n
	}
	empty, err := l.empty(used)
	if empty {
		l.used = used
	}
	return err
}

// samples is how many granules that were never written to, as the library has it, are read.
const samples = 64

// empty reads a sample of what is not in use, and the disk's first and last granule, where partition tables are.
func (l *library) empty(used *restore.Marks) (bool, error) {
	granules := (l.Size() + restore.Granule - 1) / restore.Granule
	buf := make([]byte, restore.Granule)
	for i := range min(samples, granules) {
		at := []int64{0, granules - 1, rand.Int64N(granules)}[min(i, 2)] * restore.Granule
		if used.Has(at) {
			continue
		}
		p := buf[:min(restore.Granule, l.Size()-at)]
		if _, err := l.ReadAt(p, at); err != nil {
			return false, err
		}
		for _, b := range p {
			if b != 0 {
				return false, nil
			}
		}
	}
	return true, nil
}

// Extent tells what is in use, in whole granules.
func (l *library) Extent(off int64) (n int64, data bool, err error) {
	if l.used == nil {
		return l.Size() - off, true, nil
	}
	data = l.used.Has(off)
	end := off + restore.Granule - off%restore.Granule
	for end < l.Size() && end-off < 1<<30 && l.used.Has(end) == data {
		end += restore.Granule
	}
	return min(end, l.Size()) - off, data, nil
}

// WriteAt implements io.WriterAt.
func (l *library) WriteAt(p []byte, off int64) (int, error) {
	l.touched.Store(true)
	return l.Target.WriteAt(p, off)
}

// Zero zeroes what is in use.
func (l *library) Zero(off, n int64) error {
	for end := off + n; off < end; {
		n, used, err := l.Extent(off)
		if err != nil {
			return err
		}
		n = min(n, end-off)
		if used {
			l.touched.Store(true)
			if err := l.Target.Zero(off, n); err != nil {
				return err
			}
		}
		off += n
	}
	return nil
}

// Close ends nbdkit, and lets go of the disk.
func (l *library) Close() error { return errors.Join(l.Target.Close(), l.nbdkit.Close()) }
