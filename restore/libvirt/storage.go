package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore/machine"
)

// A storage is where a new machine's files lie.
type storage struct {
	dir   string
	pools []string // that look at the directory
}

// findStorage finds a directory or a pool.
func findStorage(ctx context.Context, conn *hyper.Conn, name string) (*storage, error) {
	pools, err := conn.Pools(ctx)
	if err != nil && !errors.Is(err, hyper.ErrUnsupported) { // a daemon without storage
		return nil, err
	}
	dir, err := directory(name, pools)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%w: %w", machine.ErrNoStorage, err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%w: %s is not a directory", machine.ErrNoStorage, dir)
	}
	s := &storage{dir: dir}
	for _, p := range pools {
		if p.Active && p.Files() && same(p.Path, dir) {
			s.pools = append(s.pools, p.Name)
		}
	}
	return s, nil
}

// directory is where images lie: the name has a slash in it, or is a pool's.
func directory(name string, pools []*hyper.Pool) (string, error) {
	if strings.Contains(name, "/") || name == "." || name == ".." {
		return filepath.Abs(name)
	}
	var known []string
	for _, p := range pools {
		if p.Files() && p.Active {
			known = append(known, p.Name)
		}
		switch {
		case p.Name != name:
		case !p.Active:
			return "", fmt.Errorf("%w: the storage pool %s is not active: `virsh pool-start %s` starts it", machine.ErrNoStorage, name, name)
		case !p.Files():
			return "", fmt.Errorf("%w: the storage pool %s, of type %s, is no directory of files", machine.ErrNoStorage, name, p.Type)
		default:
			return p.Path, nil
		}
	}
	if name == "" {
		return "", fmt.Errorf("%w named: there are the storage pools [%s], or any directory", machine.ErrNoStorage, list(known))
	}
	return "", fmt.Errorf("%w: no storage pool %s: there are [%s]; a directory is named with a slash, as in ./%s", machine.ErrNoStorage, name, list(known), name)
}

// same tells whether two paths lead to one directory.
func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// path is a new file's, named after the machine.
func (s *storage) path(name string) string { return filepath.Join(s.dir, name) }

// refresh tells libvirt of the new files. The machine is whole without.
func (s *storage) refresh(ctx context.Context, conn *hyper.Conn) (notes []string) {
	for _, p := range s.pools {
		if err := conn.RefreshPool(ctx, p); err != nil {
			notes = append(notes, fmt.Sprintf("libvirt does not list the new images yet: %v", err))
		}
	}
	return notes
}
