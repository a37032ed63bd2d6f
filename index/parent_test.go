package index_test

import (
	"testing"

	"vbfs/index"
)

// A parent whose map is damaged does not keep a disk from being captured in full.
func TestFullUponADamagedParent(t *testing.T) {
	t.Parallel()
	b := newBench(t, index.InitOptions{NoEncryption: true})
	l := b.life("m", 3)
	m := l.point()
	b.hurtNodes(m)
	b.open(false)
	next, err := putDisk(t.Context(), b.repo, "m", l.disk, b.image(m), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.check(next, l.disk)
	if next.Disks[0].New != 0 {
		t.Errorf("%d bytes are stored again", next.Disks[0].New)
	}
}
