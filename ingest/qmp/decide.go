package qmp

import (
	"fmt"
	"slices"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/mark"
)

// decide says for each disk what is to be done at the instant: which mark begins, and what changes are counted from.
func decide(all []*disk, w ingest.Wish, f facts) {
	number := 0
	for _, d := range all {
		if d.skip != "" {
			continue
		}
		d.number = number
		number++
		if w.Level != ingest.Copy && d.markable() {
			d.mark = mark.Name(w.Repository, w.Point)
		}
		if w.Level != ingest.Inc && w.Level != ingest.Diff {
			continue
		}
		if d.fallback = d.doubt(w, f); d.fallback == "" {
			d.base = bitmap(mark.Name(w.Repository, w.Base.Point), d.name)
		}
	}
}

// markable tells whether a mark is worth it. QEMU does not go back to a snapshot inside an image while it has bitmaps, and
// does not tell when something else did: no trust, and nothing in the way of it.
func (d *disk) markable() bool { return len(d.node.Image.Snapshots) == 0 }

// doubt says why changes of the disk since the wish's base cannot be known, or "".
func (d *disk) doubt(w ingest.Wish, f facts) string {
	if w.Base == nil {
		return "no point is marked in QEMU"
	}
	i := slices.IndexFunc(w.Base.Disks, func(b format.Disk) bool { return b.ID == d.name })
	if i < 0 || !w.Base.Disks[i].HasImage() {
		return fmt.Sprintf("point %s does not have the disk", w.Base.Name)
	}
	b := &w.Base.Disks[i]
	switch uuid := w.Base.Fact(factUUID); {
	case uuid != f.uuid:
		return fmt.Sprintf("the machine's UUID was %q at point %s and is %q", uuid, w.Base.Name, f.uuid)
	case b.Tracking != mark.Name(w.Repository, w.Base.Point):
		return fmt.Sprintf("point %s has no mark of the disk", w.Base.Name)
	case b.Size != d.node.Image.Size:
		return fmt.Sprintf("the disk's size changed from %d to %d bytes", b.Size, d.node.Image.Size)
	case b.Origin != d.origin:
		return fmt.Sprintf("it is another image: %s, not %s", d.origin, b.Origin)
	case len(d.node.Image.Snapshots) > 0:
		return fmt.Sprintf("there is a snapshot inside the image (%s), and it may have been gone back to", d.node.Image.Snapshots[0].Name)
	}
	return d.distrust(bitmap(b.Tracking, d.name), w.Base.Fact(factProcess), f)
}

// distrust says what is wrong with a mark's bitmap, or "". process is that in which it began.
func (d *disk) distrust(bitmap, process string, f facts) string {
	i := slices.IndexFunc(d.node.Bitmaps, func(b qmp.Bitmap) bool { return b.Name == bitmap })
	restarted := process != "" && f.process.String() != "" && process != f.process.String()
	switch {
	case i < 0 && restarted && !d.canKeep():
		return "QEMU was started anew, and the image cannot keep a bitmap: only a qcow2 of version 3 can"
	case i < 0 && restarted:
		return "QEMU was started anew, and had not saved the bitmap when it ended"
	case i < 0:
		return "its bitmap " + bitmap + " is gone"
	}
	switch b := &d.node.Bitmaps[i]; {
	case b.Inconsistent:
		return "QEMU had not saved the bitmap when it ended: it does not know of all writes"
	case !b.Persistent && restarted:
		return "its bitmap was in the memory of another QEMU"
	case !b.Recording:
		return "its bitmap was disabled, and does not know of all writes"
	case b.Busy:
		return "its bitmap is in use by a job or an export"
	}
	return ""
}

// canKeep tells whether a bitmap of the disk can outlive QEMU: docs/interop/qcow2.txt, "Bitmaps extension".
func (d *disk) canKeep() bool {
	return d.node.Driver == "qcow2" && d.node.Image.Specific.Data.Compat == "1.1"
}
