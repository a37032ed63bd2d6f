package vsphere

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vbfs/hyper/vsphere"
	"vbfs/ingest"
	"vbfs/ingest/nbd"
)

// A library is a disk that VMware's library reads, by nbdkit.
type library struct {
	*nbd.Source
	nbdkit *vsphere.VDDK
}

// libraryTime is how long the library may give no sign of life: it connects to the server and a host before it answers.
const libraryTime = 5 * time.Minute

func (t *taking) openVDDK(ctx context.Context, d vsphere.Disk) (ingest.Source, error) {
	v, err := t.conn.ServeVDDK(ctx, t.m.Ref, t.snap, d.File, t.o.VDDK)
	if err != nil {
		return nil, fmt.Errorf("transport vddk: %w", err)
	}
	// One request is of 512 KiB at most: through vCenter the library has buffers for 2 MiB.
	src, err := nbd.Open(ctx, v.URI(), nbd.Options{Timeout: libraryTime})
	if err != nil {
		end := v.Close() // then all that it said is here
		return nil, errors.Join(fmt.Errorf("transport vddk: %w", saying(v, err)), end)
	}
	l := &library{src, v}
	if src.Size() != d.Capacity {
		l.Close()
		return nil, fmt.Errorf("%w: transport vddk: it gives %d bytes, the disk has %d", ErrTransport, src.Size(), d.Capacity)
	}
	return l, nil
}

// saying adds what the library said: NBD itself has no words for it.
func saying(v *vsphere.VDDK, err error) error {
	if s := v.Said(); s != "" {
		return fmt.Errorf("%w: nbdkit says: %s", err, s)
	}
	return err
}

func (l *library) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.Source.ReadAt(p, off)
	if err != nil && n < len(p) {
		err = saying(l.nbdkit, err)
	}
	return n, err
}

func (l *library) Close() error { return errors.Join(l.Source.Close(), l.nbdkit.Close()) }
