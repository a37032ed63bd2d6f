package libvirt

import (
	"context"
	"fmt"

	rpc "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"
)

// Download reads a file of the daemon's host, of at most limit bytes, which has to lie in one of its active storage pools.
func (c *Conn) Download(ctx context.Context, path string, limit int64) ([]byte, error) {
	v, err := c.VolumeAt(ctx, path)
	var size int64
	if err == nil {
		size, err = v.Size(ctx)
	}
	if err == nil && size > limit {
		err = fmt.Errorf("%w: %d bytes, of at most %d", ErrTooLong, size, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", path, err)
	}
	b := make([]byte, size)
	r, err := v.reader(ctx, size, 1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
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
