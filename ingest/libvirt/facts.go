package libvirt

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"syscall"

	"vbfs/hyper/libvirt"
)

// facts asks for all that the plan goes by.
func (h *hold) facts(ctx context.Context) (*facts, error) {
	d, err := h.dom.Describe(ctx, false)
	if err != nil {
		return nil, err
	}
	if err := h.outlives(ctx, d.IOThreads); err != nil {
		return nil, err
	}
	h.agent, h.uid = d.Agent, d.UID
	f := &facts{uuid: h.dom.UUID(), disks: d.Disks, sizes: map[string]int64{}, origins: map[string]string{}, inside: map[string]bool{}, bitmaps: map[string][]string{}}
	if f.checkpoints, err = h.dom.Checkpoints(ctx); err != nil {
		return nil, err
	}
	if f.snapshots, err = h.dom.Snapshots(ctx); err != nil {
		return nil, err
	}
	for _, d := range f.disks {
		if left(d, h.m.o.Skip) != "" {
			continue
		}
		if f.sizes[d.Target], err = h.dom.DiskSize(ctx, d.Target); err != nil {
			return nil, err
		}
		f.origins[d.Target] = origin(d, h.m.conn.Remote())
		inside := look(ctx, d, h.m.conn.Remote())
		f.inside[d.Target], f.bitmaps[d.Target] = inside.snapshots, inside.bitmaps
	}
	return f, nil
}

// unchanged makes sure that the disks are those that were planned for: one that was attached, detached or exchanged just before the job
// began would be missed, or taken for another.
func (h *hold) unchanged(ctx context.Context) error {
	now, err := h.dom.Describe(ctx, false)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(now.Disks, h.disks) {
		return fmt.Errorf("%w: its disks were changed while the backup began: try again", ErrBusy)
	}
	return nil
}

// known are the facts that stand on the point.
func (h *hold) known(ctx context.Context) ([]string, error) {
	facts, err := hypervisor(ctx, h.m.conn, h.dom)
	if err == nil && !h.created.IsZero() {
		facts = append(facts, checkpointFact+"="+strconv.FormatInt(h.created.Unix(), 10))
	}
	return facts, err
}

// hypervisor says on whose machine a point was made.
func hypervisor(ctx context.Context, conn *libvirt.Conn, dom *libvirt.Domain) ([]string, error) {
	lv, qemu, err := conn.Versions(ctx)
	if err != nil {
		return nil, err
	}
	return []string{domainFact + "=" + dom.UUID(), "libvirt=" + lv, "qemu=" + qemu, "libvirt-uri=" + conn.URI()}, nil
}

// origin says where a disk lies, and, of a file here, which one it is: a file that was put in its place is another.
func origin(d libvirt.Disk, remote bool) string {
	if d.Kind != "file" || remote {
		return d.Source
	}
	info, err := os.Stat(d.Source)
	if err != nil {
		return d.Source
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return d.Source
	}
	return fmt.Sprintf("%s %d:%d", d.Source, s.Dev, s.Ino)
}
