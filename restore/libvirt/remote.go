package libvirt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore"
	"vbfs/restore/machine"
)

// A remote host is one of which libvirt alone tells: files lie in its storage pools, and what is in none of them is not seen.
type remote struct {
	conn     *hyper.Conn
	pool     *hyper.Pool
	programs []string // emulators and firmware that it has: their paths
}

var _ host = (*remote)(nil)

// newRemote is the host with a pool, for a machine of that type.
func newRemote(ctx context.Context, conn *hyper.Conn, pool *hyper.Pool, of *libvirtxml.DomainOSType) *remote {
	h := &remote{conn: conn, pool: pool}
	pool.Path = filepath.Clean(pool.Path)
	_ = conn.RefreshPool(ctx, pool.Name) // while others write to the pool it is not looked at: then what it knew is what it knows
	if of != nil && of.Arch != "" {
		h.programs, _ = conn.Programs(ctx, of.Arch, of.Machine) // without them they are not seen
	}
	return h
}

// located finds the pool of that name, or the one that is the directory of that name.
func located(conn *hyper.Conn, name string, pools []*hyper.Pool) (*hyper.Pool, error) {
	if !strings.Contains(name, "/") {
		return named(name, pools)
	}
	for _, p := range pools {
		if p.Active && p.Files() && filepath.IsAbs(name) && filepath.Clean(p.Path) == filepath.Clean(name) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: %s is no directory of an active storage pool of %s: there are [%s]; `virsh -c %s pool-create-as NAME dir --target %s` makes one of it",
		machine.ErrNoStorage, name, conn.Host(), usable(pools), conn.URI(), name)
}

// has believes of the own pool's directory, which libvirt has just looked at, that it has nothing else.
func (h *remote) has(ctx context.Context, kind, name string) presence {
	switch {
	case kind != hasFile && kind != hasName:
		return unseen
	case slices.Contains(h.programs, name):
		return there
	}
	_, err := h.conn.VolumeAt(ctx, name)
	switch {
	case err == nil:
		return there
	case errors.Is(err, hyper.ErrNoVolume) && filepath.Dir(name) == h.pool.Path:
		return absent
	}
	return unseen
}

func (h *remote) read(ctx context.Context, path string, limit int64) ([]byte, error) {
	return h.conn.Download(ctx, path, limit)
}

func (h *remote) path(name string) string { return filepath.Join(h.pool.Path, name) }

func (h *remote) room(ctx context.Context, need int64) error {
	free, err := h.conn.Space(ctx, h.pool.Name)
	if err == nil && need > free {
		err = fmt.Errorf("%w: %d bytes of data, and the storage pool %s of %s has %d bytes free", restore.ErrNoSpace, need, h.pool.Name, h.conn.Host(), free)
	}
	return err
}

func (h *remote) open(ctx context.Context, d machine.Disk, to file) (restore.Target, error) {
	return opened(openVolume(ctx, h, d, to))
}

// create makes a file of the pool, which has none of that name.
func (h *remote) create(ctx context.Context, path string, size int64) (*hyper.Volume, error) {
	v, err := h.conn.CreateVolume(ctx, h.pool.Name, filepath.Base(path), size)
	switch {
	case errors.Is(err, hyper.ErrVolumeExists):
		return nil, fmt.Errorf("%s %w", path, restore.ErrExists)
	case errors.Is(err, hyper.ErrLost):
		return nil, fmt.Errorf("%w: whether it was made is not known: `virsh -c %s vol-delete %s` removes it", err, h.conn.URI(), path)
	case err != nil:
		return nil, err
	case v.Path() != path:
		return nil, errors.Join(fmt.Errorf("%s was made at %s", path, v.Path()), discard(v))
	}
	return v, nil
}

func (h *remote) put(ctx context.Context, path string, content []byte) (err error) {
	v, err := h.create(ctx, path, int64(len(content)))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, discard(v))
		}
	}()
	return begin(ctx, v, content)
}

// begin writes a volume's first bytes, and reads them back, for libvirt does not tell of all that goes wrong.
func begin(ctx context.Context, v *hyper.Volume, content []byte) error {
	if err := send(ctx, v, content); err != nil {
		return err
	}
	r, err := v.Reader(ctx, int64(len(content)))
	if err != nil {
		return err
	}
	defer r.Close()
	stored := make([]byte, len(content))
	if n, err := r.ReadAt(stored, 0); n < len(stored) {
		return err
	}
	if !bytes.Equal(stored, content) {
		return fmt.Errorf("%w: the beginning of %s", restore.ErrMismatch, v.Path())
	}
	return nil
}

func send(ctx context.Context, v *hyper.Volume, content []byte) error {
	up, err := v.Upload(ctx, 0)
	if err != nil {
		return err
	}
	defer up.Close()
	if _, err := up.Write(content); err != nil {
		return err
	}
	return up.Finish()
}

func (h *remote) remove(ctx context.Context, path string) error {
	v, err := h.conn.VolumeAt(ctx, path)
	if errors.Is(err, hyper.ErrNoVolume) {
		return nil
	}
	if err != nil {
		return err
	}
	return v.Delete(ctx)
}

// settle has libvirt see of what format the images are. While others write to the pool it refuses to, and looks when they are done.
func (h *remote) settle(ctx context.Context) []string {
	_ = h.conn.RefreshPool(ctx, h.pool.Name)
	return nil
}
