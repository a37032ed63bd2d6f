package libvirt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"libvirt.org/go/libvirtxml"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore"
	"vbfs/restore/machine"
)

// A host is what a new machine has beside it, and where its files come to lie: this one, or one that libvirt alone leads to.
type host interface {
	// has tells of a kind of thing whether it is there.
	has(ctx context.Context, kind, name string) presence

	// read gives a file of at most limit bytes.
	read(ctx context.Context, path string, limit int64) ([]byte, error)

	// path is a new file's, by its name.
	path(name string) string

	// room tells whether so many bytes can be stored, or says restore.ErrNoSpace.
	room(ctx context.Context, need int64) error

	// open begins an image, which is not there yet.
	open(ctx context.Context, d machine.Disk, to file) (restore.Target, error)

	// put makes a file that is not there, complete or not at all.
	put(ctx context.Context, path string, content []byte) error

	// remove removes a file that was made.
	remove(ctx context.Context, path string) error

	// settle has libvirt know of what was made. The machine is whole without.
	settle(ctx context.Context) (notes []string)
}

// A presence is what is known of a thing, as what can be said of it.
type presence string

const (
	there  presence = ""
	absent presence = "is not there"
	unseen presence = "cannot be seen from here"
)

// findHost finds the host, for a machine of that type, with the place that was named for images: a directory or a storage pool.
func findHost(ctx context.Context, conn *hyper.Conn, name string, of *libvirtxml.DomainOSType) (host, error) {
	pools, err := conn.Pools(ctx)
	if err != nil && !errors.Is(err, hyper.ErrUnsupported) { // a daemon without storage
		return nil, err
	}
	if !conn.Remote() {
		return findDirectory(conn, name, pools)
	}
	p, err := located(conn, name, pools)
	if err != nil {
		return nil, err
	}
	return newRemote(ctx, conn, p, of), nil
}

// directory is where images lie: the name has a slash in it, or is a pool's.
func directory(name string, pools []*hyper.Pool) (string, error) {
	if strings.Contains(name, "/") || name == "." || name == ".." {
		return filepath.Abs(name)
	}
	p, err := named(name, pools)
	if err != nil {
		return "", err
	}
	return p.Path, nil
}

// named finds a pool that files can lie in.
func named(name string, pools []*hyper.Pool) (*hyper.Pool, error) {
	for _, p := range pools {
		switch {
		case p.Name != name:
		case !p.Active:
			return nil, fmt.Errorf("%w: the storage pool %s is not active: `virsh pool-start %s` starts it", machine.ErrNoStorage, name, name)
		case !p.Files():
			return nil, fmt.Errorf("%w: the storage pool %s, of type %s, is no directory of files", machine.ErrNoStorage, name, p.Type)
		default:
			return p, nil
		}
	}
	if name == "" {
		return nil, fmt.Errorf("%w named: there are the storage pools [%s], or any directory", machine.ErrNoStorage, usable(pools))
	}
	return nil, fmt.Errorf("%w: no storage pool %s: there are [%s]; a directory is named with a slash, as in ./%s", machine.ErrNoStorage, name, usable(pools), name)
}

// usable lists the pools that files can lie in.
func usable(pools []*hyper.Pool) string {
	var names []string
	for _, p := range pools {
		if p.Files() && p.Active {
			names = append(names, p.Name)
		}
	}
	return list(names)
}
