//go:build cgo && !nolibnbd

package qmp

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vbfs/hyper/qmp"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
	"vbfs/ingest/mark"
)

// A history is a machine's points, and what its disks held at each.
type history struct {
	*host
	repo   *index.Repository
	m      *Machine
	points []*format.Manifest
	held   []map[string][]byte
}

// point makes one and notes what the disks hold.
func (y *history) point(level string) *format.Manifest {
	y.t.Helper()
	p, err := capture(y.t, y.repo, y.m, level)
	if err != nil {
		y.t.Fatal(err)
	}
	held := map[string][]byte{}
	for _, d := range y.disks {
		held[d.name] = bytes.Clone(d.data)
		if !bytes.Equal(read(y.t, y.repo, p, d.name), d.data) {
			y.t.Fatalf("point %d, %s: disk %s holds other bytes; %q", len(y.points), p.Done, d.name, record(y.t, p, d.name).Fallback)
		}
	}
	y.points, y.held = append(y.points, p), append(y.held, held)
	return p
}

// check compares all points again.
func (y *history) check() {
	y.t.Helper()
	for i, p := range y.points {
		for name, want := range y.held[i] {
			if !bytes.Equal(read(y.t, y.repo, p, name), want) {
				y.t.Errorf("point %d: disk %s holds other bytes by now", i, name)
			}
		}
	}
}

// ours lists the bitmaps of a node that are the repository's.
func (y *history) ours(node string) []string {
	y.t.Helper()
	return slices.DeleteFunc(y.bitmaps(node), func(b string) bool { return !strings.HasPrefix(b, mark.Prefix(y.repo.ID())) })
}

// why fails the test unless the disk was read in full for a reason with these words; empty is: it was not.
func (y *history) why(p *format.Manifest, disk, words string) {
	y.t.Helper()
	d := record(y.t, p, disk)
	if (words == "") != (d.Fallback == "") || !strings.Contains(d.Fallback, words) {
		y.t.Errorf("point %d: disk %s: fallback %q, not %q", len(y.points)-1, disk, d.Fallback, words)
	}
	if words == "" && d.Read >= d.Size {
		y.t.Errorf("point %d: disk %s: all of it was read", len(y.points)-1, disk)
	}
}

func newHistory(t *testing.T, disks ...*image) *history {
	h := newHost(t, disks...)
	h.start()
	return &history{host: h, repo: indextest.Plain(t), m: h.machine(Options{})}
}

// Twenty points at mixed levels of two disks that are written to, zeroed and discarded, while QEMU is restarted and killed,
// disks grow and are swapped, somebody else keeps a bitmap, and another repository keeps its own.
func TestPoints(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 24*mib)}
	vdb := &image{name: "vdb", format: "raw", data: make([]byte, 16*mib+512)}
	y := newHistory(t, vda, vdb)
	rng := rand.New(rand.NewPCG(11, 4))
	change := func() {
		y.scribble(vda, rng, 12)
		y.scribble(vdb, rng, 12)
	}
	foreign := func() {
		y.do("block-dirty-bitmap-add", qmp.Args{"node": "n-vda", "name": "foreign", "persistent": true}, nil)
		y.do("block-dirty-bitmap-add", qmp.Args{"node": "n-vda", "name": "vbfs-else", "persistent": true}, nil)
	}
	other := indextest.Plain(t)

	foreign()
	change()
	y.point("auto") // 0, a full
	change()
	p := y.point("inc")
	y.why(p, "vda", "")
	y.why(p, "vdb", "")
	if _, err := capture(t, other, y.m, "auto"); err != nil {
		t.Fatal(err)
	}
	change()
	p = y.point("diff")
	if p.Done != ingest.Diff {
		t.Errorf("%s", p.Done)
	}
	y.why(p, "vda", "")
	change()
	y.point("copy")
	if got := y.bitmaps("n-vda"); len(got) != 5 { // of full, diff and the other repository, two foreign ones
		t.Errorf("%q", got)
	}
	change()
	y.why(y.point("auto"), "vda", "") // 4

	y.quit()
	y.start()
	change()
	p = y.point("inc") // 5
	y.why(p, "vda", "")
	y.why(p, "vdb", "started anew")
	change()
	p = y.point("inc")
	y.why(p, "vdb", "")
	change()
	p = y.point("diff") // 7: vdb's mark of the full was in memory
	y.why(p, "vda", "")
	y.why(p, "vdb", "started anew")

	y.quit() // which saves the bitmap
	y.start()
	change()
	y.io(vda, "flush")
	y.io(vdb, "flush")
	y.kill() // which does not
	y.start()
	change()
	p = y.point("auto") // 8
	y.why(p, "vda", "had not saved the bitmap when it ended: it")
	y.why(p, "vdb", "started anew")
	if got := y.ours("n-vda"); len(got) != 1 { // the full's was not saved, either: of no more use, and in the way of a resize
		t.Errorf("%q", got)
	}
	if _, err := capture(t, other, y.m, "auto"); err != nil { // which has left one as well
		t.Fatal(err)
	}
	change()
	p = y.point("inc") // 9
	y.why(p, "vda", "")
	y.why(p, "vdb", "")

	for _, b := range []string{"foreign", "vbfs-else"} { // not saved, and nobody else's to remove
		y.do("block-dirty-bitmap-remove", qmp.Args{"node": "n-vda", "name": b}, nil)
	}
	y.do("block_resize", qmp.Args{"node-name": "n-vda", "size": 25 * mib}, nil)
	vda.data = append(vda.data, make([]byte, mib)...)
	change()
	p = y.point("inc") // 10
	y.why(p, "vda", "size changed")
	y.why(p, "vdb", "")
	change()
	y.why(y.point("inc"), "vda", "")

	y.quit() // another image of the same size in the place of vda
	vda.path += ".new"
	vda.data = make([]byte, len(vda.data))
	y.create(vda)
	y.start()
	foreign()
	change()
	p = y.point("inc") // 12
	y.why(p, "vda", "another image")

	y.do("block-dirty-bitmap-remove", qmp.Args{"node": "n-vda", "name": bitmap(mark.Name(y.repo.ID(), p.Point), "vda")}, nil)
	change()
	y.why(y.point("inc"), "vda", "is gone")
	p = y.points[len(y.points)-1]
	b := qmp.Args{"node": "n-vdb", "name": bitmap(mark.Name(y.repo.ID(), p.Point), "vdb")}
	y.do("block-dirty-bitmap-disable", b, nil)
	change()
	y.do("block-dirty-bitmap-enable", b, nil)
	y.do("block-dirty-bitmap-disable", b, nil)
	p = y.point("inc") // 14
	y.why(p, "vdb", "disabled")
	y.why(p, "vda", "")

	y.point("full")
	for _, level := range []string{"inc", "diff", "inc", "copy", "auto", "diff"} {
		change()
		p = y.point(level)
		if level != "copy" {
			y.why(p, "vda", "")
			y.why(p, "vdb", "")
		}
	}
	if len(y.points) < 20 {
		t.Errorf("%d points", len(y.points))
	}
	y.check()
	if got := y.bitmaps("n-vda"); len(y.ours("n-vda")) != 2 || !slices.Contains(got, "foreign") || !slices.Contains(got, "vbfs-else") {
		t.Errorf("%q", got)
	}
	y.clean()
}
