package vmdk

import (
	"context"
	"errors"
	"os"

	"vbfs/hyper/qemu"
	"vbfs/restore"
	"vbfs/restore/nbd"
)

// A Reader is what QEMU finds in a disk, whose tables were written by us and are read by others. It is an Image.
type Reader struct {
	server *qemu.Server
	*nbd.Target
}

var _ restore.Image = (*Reader)(nil)

// Read opens a disk by its descriptor, or the one file that it consists of.
func Read(ctx context.Context, path string) (*Reader, error) {
	server, err := qemu.Serve(ctx, qemu.Image{Path: path, Format: qemu.VMDK}, qemu.ServeOptions{})
	if err != nil {
		return nil, err
	}
	disk, err := nbd.Connect(ctx, server.URI(), nbd.Options{})
	if err != nil {
		server.Close()
		return nil, err
	}
	return &Reader{server, disk}, nil
}

// Close ends the reading.
func (r *Reader) Close() error {
	r.Target.Close() // has no error that says anything of what was read
	return r.server.Close()
}

// writeFile writes a new file, durably, or none.
func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return errors.Join(err, remove(path))
	}
	return nil
}
