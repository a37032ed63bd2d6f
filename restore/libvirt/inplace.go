package libvirt

import (
	"context"
	"errors"

	"vbfs/hyper/qemu"
	"vbfs/restore"
	"vbfs/restore/nbd"
)

// An inPlace is an image that is there, and is written to as a guest would: QEMU notes the writes in its dirty bitmaps, which
// so go on to tell the truth, and would be left unusable by a crash.
type inPlace struct {
	*nbd.Target
	server *qemu.Server
}

var (
	_ restore.Target = (*inPlace)(nil)
	_ restore.Image  = (*inPlace)(nil)
)

// openInPlace opens an image for writing; QEMU's locks keep a machine from starting with it. A bitmap may be read of it.
func openInPlace(ctx context.Context, to file, bitmap string) (*inPlace, error) {
	o := qemu.ServeOptions{Writable: true, Discard: true}
	if bitmap != "" {
		o.Bitmaps = []string{bitmap}
	}
	server, err := qemu.Serve(ctx, qemu.Image{Path: to.path, Format: to.format}, o)
	if err != nil {
		return nil, err
	}
	disk, err := nbd.Connect(ctx, server.URI(), nbd.Options{Bitmap: bitmap})
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return &inPlace{disk, server}, nil
}

// Finish makes what was written durable.
func (p *inPlace) Finish() error { return p.Sync() }

// Close ends the server, whose error is the image's: what was written may be lost.
func (p *inPlace) Close() error { return errors.Join(p.Target.Close(), p.server.Close()) }
