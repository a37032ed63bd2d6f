package libvirt

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"vbfs/hyper/libvirt"
	"vbfs/hyper/qemu"
	"vbfs/ingest/mark"
)

// An inside is what a disk's image has in itself.
type inside struct {
	snapshots bool
	bitmaps   []string // of those that are stored: of a running domain as it was when its QEMU started
}

// look asks qemu-img for what is inside an image, as far as it can be looked at; of what cannot nothing is known. QEMU does not go back to
// a snapshot inside while there are bitmaps; an image that somebody else went back in has bitmaps that do not tell.
func look(ctx context.Context, d libvirt.Disk, remote bool) (out inside) {
	if remote || d.Format != "qcow2" || d.Kind != "file" && d.Kind != "block" {
		return out
	}
	said, err := qemu.Describe(ctx, qemu.Image{Path: d.Source, Format: d.Format})
	if err != nil {
		return out
	}
	var chain []struct {
		Snapshots []json.RawMessage `json:"snapshots"`
		Specific  struct {
			Data struct {
				Bitmaps []struct{ Name string } `json:"bitmaps"`
			} `json:"data"`
		} `json:"format-specific"`
	}
	if json.Unmarshal(said, &chain) != nil || len(chain) == 0 {
		return out
	}
	out.snapshots = len(chain[0].Snapshots) > 0
	for _, b := range chain[0].Specific.Data.Bitmaps {
		out.bitmaps = append(out.bitmaps, b.Name)
	}
	return out
}

// sweep removes bitmaps of ours whose checkpoints libvirt has forgotten, as when the domain was defined anew: nobody else would, and each
// costs the guest's writes time.
func (h *hold) sweep(ctx context.Context, f *facts) (err error) {
	if f.snapshots > 0 {
		return nil // beside which libvirt lets no checkpoint be described
	}
	for name, on := range f.stale(mark.Prefix(h.w.Repository)) {
		err = errors.Join(err, h.dom.DropBitmaps(ctx, name, on, f.disks))
	}
	return err
}

// stale gives the bitmaps that begin with prefix and are of no checkpoint, with the disks that have them.
func (f *facts) stale(prefix string) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for target, bitmaps := range f.bitmaps {
		for _, name := range bitmaps {
			known := slices.ContainsFunc(f.checkpoints, func(c libvirt.Checkpoint) bool { return c.Name == name })
			if !strings.HasPrefix(name, prefix) || known {
				continue
			}
			if out[name] == nil {
				out[name] = map[string]bool{}
			}
			out[name][target] = true
		}
	}
	return out
}
