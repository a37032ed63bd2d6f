package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
)

// Bounds of what a point records of a machine's configuration: it lies in the manifest, which has to stay below 64 MiB
// (index/format), and is not deduplicated.
const (
	maxConfig  = 32 << 20 // bytes of a file
	maxConfigs = 48 << 20 // of all of them
)

// A recorder collects a domain's configuration within bounds. What it cannot have it warns of.
type recorder struct {
	conn     *libvirt.Conn
	files    []format.ConfigFile
	warnings []string
	left     int64 // bytes
}

// lack warns that a file is not recorded, or not all of it.
func (r *recorder) lack(name string, err error) {
	r.warnings = append(r.warnings, fmt.Sprintf("configuration %s: not recorded: %v", name, err))
}

func (r *recorder) add(kind, name string, data []byte) {
	if err := r.fits(int64(len(data))); err != nil {
		r.lack(name, err)
		return
	}
	r.left -= int64(len(data))
	r.files = append(r.files, format.ConfigFile{Kind: kind, Name: name, Data: data})
}

func (r *recorder) fits(n int64) error {
	switch {
	case n > maxConfig:
		return fmt.Errorf("%d bytes, and a point takes files of up to %d", n, int64(maxConfig))
	case n > r.left:
		return fmt.Errorf("%d bytes, and a point takes %d of all files together", n, int64(maxConfigs))
	}
	return nil
}

// file records a file of the domain's host.
func (r *recorder) file(ctx context.Context, kind, name, path string) {
	data, err := r.read(ctx, path)
	if err != nil {
		r.lack(name, err)
		return
	}
	r.add(kind, name, data)
}

func (r *recorder) read(ctx context.Context, path string) ([]byte, error) {
	if !r.conn.Remote() {
		return r.local(path)
	}
	b, err := r.conn.Download(ctx, path, min(maxConfig, r.left))
	if err != nil && !errors.Is(err, libvirt.ErrTooLong) {
		err = fmt.Errorf("of a remote host only what lies in a storage pool can be had: %w", err)
	}
	return b, err
}

// local reads a file of this host. It opens nothing that may block.
func (r *recorder) local(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: no regular file", path)
	}
	if err := r.fits(info.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxConfig+1)) // add refuses one that grew
}
