package libvirt

import (
	"context"
	"errors"
	"fmt"

	rpc "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// A Pool is a storage pool: libvirt, docs/formatstorage.
type Pool struct {
	Name   string
	Type   string // dir, fs and netfs are directories of files; logical, rbd, iscsi and others are not
	Path   string // of the directory
	Active bool
}

// Files tells whether the pool is a directory, in which images can lie as files.
func (p *Pool) Files() bool {
	return p.Path != "" && (p.Type == "dir" || p.Type == "fs" || p.Type == "netfs" || p.Type == "vstorage")
}

// maxPools bounds what is listed.
const maxPools = 1 << 12

// Pools lists all storage pools.
func (c *Conn) Pools(ctx context.Context) (out []*Pool, err error) {
	raw, err := ask(ctx, c, func(l *rpc.Libvirt) ([]rpc.StoragePool, error) {
		p, _, err := l.ConnectListAllStoragePools(maxPools, 0)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("list storage pools: %w", err)
	}
	for _, r := range raw {
		p, err := c.pool(ctx, r)
		if errors.Is(err, ErrNoPool) { // gone meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Pool finds a storage pool by name.
func (c *Conn) Pool(ctx context.Context, name string) (*Pool, error) {
	raw, err := ask(ctx, c, func(l *rpc.Libvirt) (rpc.StoragePool, error) { return l.StoragePoolLookupByName(name) })
	if err != nil {
		return nil, fmt.Errorf("look for storage pool %s: %w", name, err)
	}
	return c.pool(ctx, raw)
}

func (c *Conn) pool(ctx context.Context, raw rpc.StoragePool) (*Pool, error) {
	active, err := ask(ctx, c, func(l *rpc.Libvirt) (int32, error) { return l.StoragePoolIsActive(raw) })
	if err != nil {
		return nil, fmt.Errorf("state of storage pool %s: %w", raw.Name, err)
	}
	text, err := ask(ctx, c, func(l *rpc.Libvirt) (string, error) { return l.StoragePoolGetXMLDesc(raw, 0) })
	if err != nil {
		return nil, fmt.Errorf("XML of storage pool %s: %w", raw.Name, err)
	}
	var x libvirtxml.StoragePool
	if err := x.Unmarshal(text); err != nil {
		return nil, fmt.Errorf("XML of storage pool %s: %w", raw.Name, err)
	}
	p := &Pool{Name: raw.Name, Type: x.Type, Active: active != 0}
	if x.Target != nil {
		p.Path = x.Target.Path
	}
	return p, nil
}

// RefreshPool has libvirt look for what came to be in a pool, or went.
func (c *Conn) RefreshPool(ctx context.Context, name string) error {
	err := say(ctx, c, func(l *rpc.Libvirt) error {
		raw, err := l.StoragePoolLookupByName(name)
		if err != nil {
			return err
		}
		return l.StoragePoolRefresh(raw, 0)
	})
	if err != nil {
		return fmt.Errorf("refresh storage pool %s: %w", name, err)
	}
	return nil
}

// Space tells how many bytes are free in a pool that is a directory, as they were when libvirt looked last: see RefreshPool.
func (c *Conn) Space(ctx context.Context, pool string) (free int64, err error) {
	n, err := ask(ctx, c, func(l *rpc.Libvirt) (uint64, error) {
		p, err := l.StoragePoolLookupByName(pool)
		if err != nil {
			return 0, err
		}
		_, _, _, free, err := l.StoragePoolGetInfo(p)
		return free, err
	})
	if err != nil {
		return 0, fmt.Errorf("free space of storage pool %s: %w", pool, err)
	}
	return int64(min(n, 1<<62)), nil
}
