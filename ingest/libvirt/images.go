package libvirt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"vbfs/hyper/libvirt"
	"vbfs/hyper/qemu"
)

// images records what qemu-img says of each disk that lies in a file or a block device of this host: cluster sizes, backing chains,
// encryption, bitmaps.
func (r *recorder) images(ctx context.Context, dom *libvirt.Domain, inactive bool) {
	const name = "disks.json"
	if r.conn.Remote() {
		r.lack(name, errors.New("qemu-img does not see a remote host's images"))
		return
	}
	about, err := dom.Describe(ctx, inactive)
	if err != nil {
		r.lack(name, err)
		return
	}
	said := map[string]json.RawMessage{}
	for _, d := range about.Disks {
		if d.Kind != "file" && d.Kind != "block" {
			continue
		}
		said[d.Target], err = qemu.Describe(ctx, qemu.Image{Path: d.Source, Format: cmp.Or(d.Format, qemu.Raw)})
		if err != nil {
			delete(said, d.Target)
			r.lack(name, fmt.Errorf("disk %s: %w", d.Target, err))
		}
		if errors.Is(err, qemu.ErrNoTool) {
			return
		}
	}
	if len(said) == 0 {
		return
	}
	b, err := json.MarshalIndent(said, "", "    ")
	if err != nil {
		r.lack(name, err)
		return
	}
	r.add("qemu-img", name, append(b, '\n'))
}
