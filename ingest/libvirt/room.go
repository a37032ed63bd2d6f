package libvirt

import "fmt"

// Bounds of the room that scratch files need at the beginning: what a guest overwrites of an image's clusters while it is
// read is a tenth of the disks at most on all but the busiest machines, and never more than the disks.
const (
	roomLeast   = 1 << 30
	roomShare   = 10
	roomPerDisk = 1 << 20 // an empty qcow2, and its tables
)

// room gives the bytes that have to be free for the scratch files of disks of these sizes.
func room(sizes []int64) int64 {
	sum, over := int64(0), int64(0)
	for _, n := range sizes {
		sum += n
		over += roomPerDisk + n>>10
	}
	return min(sum+over, max(roomLeast, sum/roomShare))
}

// prepare makes the place for scratch files, when there is room.
func (h *hold) prepare() (err error) {
	name := ours(h.w.Repository, h.dom.UUID()) + h.w.Point.String()[:8]
	if h.place, err = newPlace(h.m.o.Scratch, name, !h.m.conn.Remote()); err != nil {
		return err
	}
	if err := h.place.make(h.uid); err != nil || !h.place.local {
		return err
	}
	n, err := free(h.place.base)
	if err == nil && n < h.room() {
		err = fmt.Errorf("%w: %d bytes are free at %s, and %d should be: choose another by --scratch", ErrScratch, n, h.place.base, h.room())
	}
	return err
}

// room is how many bytes have to be free for scratch files.
func (h *hold) room() int64 {
	if h.m.o.ScratchFree > 0 {
		return h.m.o.ScratchFree
	}
	var sizes []int64
	for _, p := range h.plan {
		if p.skip == "" {
			sizes = append(sizes, p.size)
		}
	}
	return room(sizes)
}
