package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	rpc "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// A Volume is a file in a storage pool.
type Volume struct {
	conn *Conn
	raw  rpc.StorageVol
	path string
}

// Path is where it lies on the daemon's host.
func (v *Volume) Path() string { return v.path }

// Pool is the name of the pool that it is in.
func (v *Volume) Pool() string { return v.raw.Pool }

// CreateVolume makes a file of so many bytes in a pool that is a directory, which has no file of that name: else ErrVolumeExists. It is a
// hole until it is written. When the connection was lost meanwhile, ErrLost, nobody knows whether it was made.
func (c *Conn) CreateVolume(ctx context.Context, pool, name string, size int64) (*Volume, error) {
	x := libvirtxml.StorageVolume{
		Type: "file", Name: name, Capacity: &libvirtxml.StorageVolumeSize{Unit: "bytes", Value: uint64(size)}, Allocation: &libvirtxml.StorageVolumeSize{},
		Target: &libvirtxml.StorageVolumeTarget{Format: &libvirtxml.StorageVolumeTargetFormat{Type: "raw"}},
	}
	text, err := x.Marshal()
	if err != nil {
		return nil, err
	}
	v := &Volume{conn: c}
	err = say(context.WithoutCancel(ctx), c, func(l *rpc.Libvirt) error { // given up, it would be made all the same
		p, err := l.StoragePoolLookupByName(pool)
		if err != nil {
			return err
		}
		v.raw, err = l.StorageVolCreateXML(p, text, 0)
		return err
	})
	if err == nil {
		err = v.locate(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("create volume %s in pool %s: %w", name, pool, err)
	}
	return v, nil
}

func (v *Volume) locate(ctx context.Context) (err error) {
	v.path, err = ask(context.WithoutCancel(ctx), v.conn, func(l *rpc.Libvirt) (string, error) { return l.StorageVolGetPath(v.raw) })
	return err
}

// VolumeAt finds the volume that lies at a path, in any active pool: ErrNoVolume is that none of them has it, as far as libvirt has
// looked.
func (c *Conn) VolumeAt(ctx context.Context, path string) (*Volume, error) {
	raw, err := ask(ctx, c, func(l *rpc.Libvirt) (rpc.StorageVol, error) { return l.StorageVolLookupByPath(path) })
	if err != nil {
		return nil, fmt.Errorf("volume at %s: %w", path, err)
	}
	return &Volume{c, raw, path}, nil
}

// Size is the length of the file in bytes.
func (v *Volume) Size(ctx context.Context) (int64, error) {
	n, err := ask(ctx, v.conn, func(l *rpc.Libvirt) (uint64, error) {
		_, _, physical, err := l.StorageVolGetInfoFlags(v.raw, uint32(rpc.StorageVolGetPhysical))
		return physical, err
	})
	if err == nil && n > 1<<62 {
		err = fmt.Errorf("%w: %d bytes", ErrProtocol, n)
	}
	if err != nil {
		return 0, fmt.Errorf("size of %s: %w", v.path, err)
	}
	return int64(n), nil
}

// busyTime bounds how long a volume is waited for that libvirt is not done with: an upload that was called off has to end first.
const busyTime = 5 * time.Second

// Delete removes the file. One that is gone is no error.
func (v *Volume) Delete(ctx context.Context) error {
	for end := time.Now().Add(busyTime); ; {
		err := say(ctx, v.conn, func(l *rpc.Libvirt) error { return l.StorageVolDelete(v.raw, 0) })
		switch {
		case err == nil || errors.Is(err, ErrNoVolume):
			return nil
		case !errors.Is(err, ErrInvalid) || time.Now().After(end):
			return fmt.Errorf("delete volume %s: %w", v.path, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("delete volume %s: %w", v.path, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// VolumePath is where a volume of a pool lies.
func (c *Conn) VolumePath(ctx context.Context, pool, volume string) (string, error) {
	path, err := ask(ctx, c, func(l *rpc.Libvirt) (string, error) {
		p, err := l.StoragePoolLookupByName(pool)
		if err != nil {
			return "", err
		}
		v, err := l.StorageVolLookupByName(p, volume)
		if err != nil {
			return "", err
		}
		return l.StorageVolGetPath(v)
	})
	if err != nil {
		return "", fmt.Errorf("path of volume %s in pool %s: %w", volume, pool, err)
	}
	return path, nil
}
