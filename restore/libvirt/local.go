package libvirt

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/stage"
)

// A local host is this one.
type local struct {
	conn  *hyper.Conn
	dir   string
	pools []string // that look at the directory
}

var _ host = (*local)(nil)

func findDirectory(conn *hyper.Conn, name string, pools []*hyper.Pool) (host, error) {
	dir, err := directory(name, pools)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%w: %w", machine.ErrNoStorage, err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%w: %s is not a directory", machine.ErrNoStorage, dir)
	}
	h := &local{conn: conn, dir: dir}
	for _, p := range pools {
		if p.Active && p.Files() && same(p.Path, dir) {
			h.pools = append(h.pools, p.Name)
		}
	}
	return h, nil
}

// same tells whether two paths lead to one directory.
func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func (h *local) has(_ context.Context, kind, name string) presence {
	look := os.Stat
	switch kind {
	case hasName:
		look = os.Lstat
	case hasDevice:
		name = filepath.Join("/sys/class/net", name)
	}
	if _, err := look(name); err != nil {
		return absent
	}
	return there
}

func (h *local) read(_ context.Context, path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

func (h *local) path(name string) string { return filepath.Join(h.dir, name) }

func (h *local) room(_ context.Context, need int64) error { return stage.CheckSpace(h.dir, need) }

func (h *local) open(ctx context.Context, d machine.Disk, to file) (restore.Target, error) {
	return openFile(ctx, d, to, false)
}

func (h *local) put(_ context.Context, path string, content []byte) error {
	return putFile(path, content, false)
}

func (h *local) remove(_ context.Context, path string) error { return machine.Remove(path) }

func (h *local) settle(ctx context.Context) (notes []string) {
	for _, p := range h.pools {
		if err := h.conn.RefreshPool(ctx, p); err != nil {
			notes = append(notes, fmt.Sprintf("libvirt does not list the new images yet: %v", err))
		}
	}
	return notes
}
