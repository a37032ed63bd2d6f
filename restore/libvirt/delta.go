package libvirt

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"vbfs/hyper/qemu"
	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/machine"
)

// bitmap chooses the dirty bitmap that has told of every write to an image since the point, or says why there is none. It is
// the one of the point's own checkpoint, and has been enabled ever since: libvirt keeps the bitmaps of all checkpoints so.
func bitmap(point *format.Manifest, d *format.Disk, chain []qemu.Info) (name, why string) {
	name = d.Tracking
	switch {
	case name == "":
		return "", "the point has no checkpoint"
	case d.State != format.DiskOK || !marks(name, point.Point) && !marks(name, point.OriginPoint):
		return "", "the disk's checkpoint is another point's"
	case len(chain) > 1:
		return "", "the image is based on another one"
	}
	i := slices.IndexFunc(chain[0].Bitmaps, func(b qemu.Bitmap) bool { return b.Name == name })
	switch {
	case i < 0:
		return "", "the image does not have the dirty bitmap of the point's checkpoint"
	case chain[0].Bitmaps[i].InUse:
		return "", "the dirty bitmap was not ended well"
	case !chain[0].Bitmaps[i].Auto:
		return "", "the dirty bitmap is disabled"
	}
	return name, ""
}

// marks tells whether a checkpoint's name is of a point.
func marks(checkpoint string, point format.UUID) bool {
	return !point.IsZero() && strings.HasPrefix(checkpoint, "vbfs-") && strings.HasSuffix(checkpoint, "-"+point.String())
}

// openDelta opens an image to write what differs from the point, and says by what that is told, and why not by a bitmap.
func openDelta(ctx context.Context, j *job, name string) (why string, err error) {
	t, err := openInPlace(ctx, j.to, name)
	if err != nil && name != "" && ctx.Err() == nil {
		why = err.Error()
		t, err = openInPlace(ctx, j.to, "")
		name = ""
	}
	if err != nil {
		return "", err
	}
	j.target, j.how = t, machine.Compared
	if name == "" {
		return why, nil
	}
	where, err := t.Dirty(ctx)
	if err != nil {
		return err.Error(), ctx.Err()
	}
	off, err := lie(j.disk.Image, t, where)
	switch {
	case err != nil:
		return "", err
	case off >= 0:
		return fmt.Sprintf("the dirty bitmap does not tell of what differs at byte %d", off), nil
	}
	j.where, j.how = where, machine.ByBitmap
	return "", nil
}

// samples is how many granules that a bitmap calls unchanged are looked at: of a bitmap that misses a tenth of them, one in
// 800 gets by.
const samples = 64

// lie looks whether what is not marked is the same indeed, in a sample, and gives the offset of a granule that is not, or -1.
func lie(img restore.Image, stored io.ReaderAt, where *restore.Marks) (int64, error) {
	want, got := make([]byte, restore.Granule), make([]byte, restore.Granule)
	granules := (img.Size() + restore.Granule - 1) / restore.Granule
	for range min(samples, granules) {
		off := rand.Int64N(granules) * restore.Granule
		if where.Has(off) {
			continue
		}
		n := min(restore.Granule, img.Size()-off)
		if _, err := img.ReadAt(want[:n], off); err != nil && err != io.EOF {
			return 0, fmt.Errorf("image: %w", err)
		}
		if _, err := stored.ReadAt(got[:n], off); err != nil && err != io.EOF {
			return 0, fmt.Errorf("target: %w", err)
		}
		if !bytes.Equal(want[:n], got[:n]) {
			return off, nil
		}
	}
	return -1, nil
}
