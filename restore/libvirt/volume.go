package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	hyper "vbfs/hyper/libvirt"
	"vbfs/hyper/qemu"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/qcow2"
)

// A volume is an image in a storage pool of another host's, which is written as one stream.
type volume struct {
	*hyper.Volume
	up     *hyper.Upload // nil when it has ended
	layout layout
	length int64 // of the file when all is written; 0: not yet
	size   int64 // of the disk
	reader *hyper.Reader
	synced bool
}

var (
	_ restore.Ordered  = (*volume)(nil)
	_ restore.Rereader = (*volume)(nil)
)

// A layout puts a disk into a file, in order.
type layout interface {
	Data(p []byte, off int64) error
	Zero(off, n int64) error

	// End gives what comes at the file's beginning in the end, and the file's length.
	End() (first []byte, length int64, err error)
}

// openVolume makes a volume and begins to write it. It has no length before it is written, for libvirt keeps to itself that the last bytes
// did not fit: then it is too short.
func openVolume(ctx context.Context, h *remote, d machine.Disk, to file) (_ *volume, err error) {
	begin := int64(0)
	if to.format == qemu.QCow2 {
		begin = qcow2.ClusterSize
	}
	v := &volume{size: d.Record.Size}
	if v.Volume, err = h.create(ctx, to.path, 0); err != nil {
		return nil, err
	}
	if v.up, err = v.Upload(ctx, begin); err == nil {
		v.layout, err = v.in(to.format)
	}
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

func (v *volume) in(format string) (layout, error) {
	if format == qemu.QCow2 {
		return qcow2.NewWriter(v.up, v.size)
	}
	return &plain{up: v.up}, nil
}

// Ordered: there is one stream.
func (v *volume) Ordered() {}

// WriteAt implements io.WriterAt.
func (v *volume) WriteAt(p []byte, off int64) (int, error) {
	if err := v.layout.Data(p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Zero leaves a hole.
func (v *volume) Zero(off, n int64) error { return v.layout.Zero(off, n) }

// endTime bounds how long it takes to write the end of an image, or to throw it away: storage may have much to write back before.
const endTime = 5 * time.Minute

// aside is for what has no context of its own, and goes on when all else was called off.
func aside() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), endTime)
}

// Finish writes what makes an image of the file, and looks whether all has come. libvirt has no way to make it durable: that is left to
// its host, as it is of what a machine's definition is stored in.
func (v *volume) Finish() error {
	if v.length > 0 || v.up == nil {
		return nil
	}
	first, length, err := v.layout.End()
	if err == nil {
		err = v.up.Finish()
	}
	v.up.Close()
	v.up = nil
	if err != nil {
		return err
	}
	ctx, cancel := aside()
	defer cancel()
	if err := v.whole(ctx, length); err != nil {
		return err
	}
	if len(first) > 0 {
		err = begin(ctx, v.Volume, first)
	}
	if err == nil {
		v.length = length
	}
	return err
}

// whole looks whether the file has the length that it must have.
func (v *volume) whole(ctx context.Context, length int64) error {
	stored, err := v.Volume.Size(ctx)
	if err == nil && stored != length {
		err = fmt.Errorf("%w: of the %d bytes of %s, %d are stored", restore.ErrNoSpace, length, v.Path(), stored)
	}
	return err
}

// Reread gives what is stored, as libvirt reads it.
func (v *volume) Reread(ctx context.Context) (io.ReaderAt, error) {
	err := v.Finish()
	if err == nil {
		v.reader, err = v.Reader(ctx, v.length)
	}
	if err != nil {
		return nil, err
	}
	if _, ok := v.layout.(*plain); ok {
		return v.reader, nil
	}
	disk, err := qcow2.Read(v.reader)
	if err == nil && disk.Size() < v.size {
		err = fmt.Errorf("%w: a disk of %d bytes", restore.ErrMismatch, disk.Size())
	}
	return disk, err
}

// Sync keeps the image.
func (v *volume) Sync() error {
	err := v.Finish()
	v.synced = err == nil && v.length > 0
	return err
}

// Close ends it. An image that is not complete is gone.
func (v *volume) Close() error {
	if v.up != nil {
		v.up.Close()
		v.up = nil
	}
	if v.reader != nil {
		v.reader.Close() // has no error that says anything of what was read
		v.reader = nil
	}
	if v.synced {
		return nil
	}
	return discard(v.Volume)
}

func discard(v *hyper.Volume) error {
	ctx, cancel := aside()
	defer cancel()
	return v.Delete(ctx)
}
