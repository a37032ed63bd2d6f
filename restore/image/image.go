package image

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"vbfs/hyper/qemu"
	"vbfs/restore"
	"vbfs/restore/nbd"
	"vbfs/restore/stage"
)

// A Target is an image file.
type Target struct {
	image  qemu.Image // on the stage
	stage  *stage.Stage
	server *qemu.Server // nil when it has ended
	disk   *nbd.Target  // nil as server is
}

var (
	_ restore.Target   = (*Target)(nil)
	_ restore.Rereader = (*Target)(nil)
)

// Open begins an image of the Spec's format: qcow2 or vmdk.
func Open(ctx context.Context, path string, spec restore.Spec) (*Target, error) {
	if spec.Format != qemu.QCow2 && spec.Format != qemu.VMDK {
		return nil, fmt.Errorf("%w: format %q, not qcow2 or vmdk", restore.ErrUnsupported, spec.Format)
	}
	st, err := stage.New(path, spec)
	if err != nil {
		return nil, err
	}
	t := &Target{image: qemu.Image{Path: st.Path(), Format: spec.Format}, stage: st}
	if err := t.begin(ctx, spec.Size); err != nil {
		t.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func (t *Target) begin(ctx context.Context, size int64) error {
	if err := qemu.Create(ctx, t.image, size, qemu.CreateOptions{}); err != nil {
		return err
	}
	return t.serve(ctx, qemu.ServeOptions{Writable: true, Cache: "unsafe"})
}

func (t *Target) serve(ctx context.Context, opts qemu.ServeOptions) (err error) {
	if t.server, err = qemu.Serve(ctx, t.image, opts); err != nil {
		return err
	}
	t.disk, err = nbd.Connect(ctx, t.server.URI(), nbd.Options{})
	return err
}

// end ends the server, which then has written all it holds to the file.
func (t *Target) end() error {
	if t.disk != nil {
		t.disk.Close() // has no error: what was written was answered, and the server's end tells the rest
		t.disk = nil
	}
	if t.server == nil {
		return nil
	}
	err := t.server.Close()
	t.server = nil
	return err
}

// WriteAt implements io.WriterAt.
func (t *Target) WriteAt(p []byte, off int64) (int, error) { return t.disk.WriteAt(p, off) }

// Zero leaves what a new image has everywhere.
func (t *Target) Zero(off, n int64) error { return nil }

// Reread gives what another qemu-nbd finds in the file.
func (t *Target) Reread(ctx context.Context) (io.ReaderAt, error) {
	if err := t.Finish(); err != nil {
		return nil, err
	}
	if err := t.serve(ctx, qemu.ServeOptions{}); err != nil {
		return nil, err
	}
	return t.disk, nil
}

// Finish ends the writing and makes the file durable, without its name.
func (t *Target) Finish() error {
	if err := t.end(); err != nil {
		return err
	}
	f, err := os.OpenFile(t.image.Path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // advice: whoever reads it back reads right without, too
	return nil
}

// Sync makes the image durable and gives it its name.
func (t *Target) Sync() error {
	if err := t.Finish(); err != nil {
		return err
	}
	return t.stage.Commit()
}

// Close ends it. An image without its name is gone.
func (t *Target) Close() error {
	err := t.end()
	if e := t.stage.Close(); err == nil {
		err = e
	}
	return err
}
