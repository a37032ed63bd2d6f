package libvirt

import (
	"bytes"
	"context"
	"fmt"
	"io"

	rpc "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"
)

// Download reads a file of the daemon's host, of at most limit bytes, which has to lie in one of its active storage pools.
func (c *Conn) Download(ctx context.Context, path string, limit int64) ([]byte, error) {
	type volume struct {
		rpc.StorageVol
		size uint64
	}
	vol, err := ask(ctx, c, func(l *rpc.Libvirt) (v volume, err error) {
		if v.StorageVol, err = l.StorageVolLookupByPath(path); err == nil {
			_, v.size, _, err = l.StorageVolGetInfoFlags(v.StorageVol, uint32(rpc.StorageVolGetPhysical))
		}
		return v, err
	})
	if err == nil && vol.size > uint64(limit) {
		err = fmt.Errorf("%w: %d bytes, of at most %d", ErrTooLong, vol.size, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", path, err)
	}
	b, err := ask(ctx, c, func(l *rpc.Libvirt) ([]byte, error) {
		w := &bounded{left: vol.size}
		err := l.StorageVolDownload(vol.StorageVol, w, 0, 0, 0)
		return w.Bytes(), err
	})
	if err == nil && uint64(len(b)) != vol.size {
		err = fmt.Errorf("%w: %d bytes came of %d", ErrProtocol, len(b), vol.size)
	}
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", path, err)
	}
	return b, nil
}

// bounded takes no more bytes than were announced.
type bounded struct {
	bytes.Buffer
	left uint64
}

func (b *bounded) Write(p []byte) (int, error) {
	if uint64(len(p)) > b.left {
		return 0, io.ErrShortBuffer
	}
	b.left -= uint64(len(p))
	return b.Buffer.Write(p)
}

// Secret gives the value of a secret that libvirt keeps for a volume, by its UUID or else by its usage. It does not give one that is
// private.
func (c *Conn) Secret(ctx context.Context, id, usage string) ([]byte, error) {
	find := func(l *rpc.Libvirt) (rpc.Secret, error) {
		return l.SecretLookupByUsage(int32(rpc.SecretUsageTypeVolume), usage)
	}
	if id != "" {
		u, err := uuid.Parse(id)
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", id, err)
		}
		find = func(l *rpc.Libvirt) (rpc.Secret, error) { return l.SecretLookupByUUID(rpc.UUID(u)) }
	}
	value, err := ask(ctx, c, func(l *rpc.Libvirt) ([]byte, error) {
		s, err := find(l)
		if err != nil {
			return nil, err
		}
		return l.SecretGetValue(s, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("secret %s%s: %w", id, usage, err)
	}
	return value, nil
}

// Autostart tells whether the domain starts with its host.
func (d *Domain) Autostart(ctx context.Context) (bool, error) {
	on, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (int32, error) { return l.DomainGetAutostart(d.raw) })
	return on != 0, d.wrap("autostart of", err)
}

// ShutDown tells whether the domain is off because its guest shut it down, as far as libvirt knows: a restart of the daemon forgets it.
func (d *Domain) ShutDown(ctx context.Context) (bool, error) {
	by, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (bool, error) {
		state, reason, err := l.DomainGetState(d.raw, 0)
		return rpc.DomainState(state) == rpc.DomainShutoff && rpc.DomainShutoffReason(reason) == rpc.DomainShutoffShutdown, err
	})
	return by, d.wrap("state of", err)
}
