package vsim

import (
	"bytes"
	"context"
	"math/rand"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

// A past is what a disk was when a snapshot was taken, and the changeId it had.
type past struct {
	content []byte
	id      string
	line    int // of history: a revert begins another
}

// Random deeds against plain bytes: the disk, every snapshot, and that changed areas leave nothing out.
func TestRandomDeedsAgainstPlainBytes(t *testing.T) {
	t.Parallel()
	for seed := int64(1); seed <= 3; seed++ {
		r := rand.New(rand.NewSource(seed))
		h := Start(t, Options{MaxAreas: 1 + r.Intn(5), Window: int64(r.Intn(3)) * (300 << 10)})
		size := int64(1<<20 + 512*r.Int63n(100))
		m := h.Add(Spec{CBT: true, Disks: []Disk{{Size: size}}})
		c, now, line := dial(t, h), make([]byte, size), 0
		live, ever := map[types.ManagedObjectReference]past{}, []past{}
		pick := func() (ref types.ManagedObjectReference) {
			for ref = range live {
				break
			}
			return ref
		}
		for range 60 {
			switch n := r.Intn(10); {
			case n < 5:
				p := noise(r.Int63(), 1+r.Int63n(150000))
				off := r.Int63n(size - int64(len(p)))
				m.Write("scsi0-0", off, p)
				copy(now[off:], p)
			case n < 7 && len(live) < 4:
				ref, s := c.snapshot(m)
				d, id := firstDisk(s.Config.Hardware.Device)
				for _, was := range ever {
					if was.line == line {
						covered(t, c, m, ref, d, was, now)
					}
				}
				live[ref] = past{bytes.Clone(now), id, line}
				ever = append(ever, live[ref])
			case n == 7 && len(live) > 0:
				ref := pick()
				if err := c.remove(m, ref); err != nil {
					t.Fatal(err)
				}
				delete(live, ref)
			case n == 8 && len(live) > 0 && r.Intn(3) == 0:
				ref := pick()
				m.Revert(ref)
				now, line = bytes.Clone(live[ref].content), line+1
			case n == 9 && r.Intn(4) == 0:
				m.await(m.Object().RemoveAllSnapshot(context.Background(), types.NewBool(true)))
				clear(live)
			}
			if !bytes.Equal(m.Content("scsi0-0"), now) {
				t.Fatalf("seed %d: the disk is not what was written", seed)
			}
			for ref, was := range live {
				if got := m.frozenAt(t, ref); !bytes.Equal(got, was.content) {
					t.Fatalf("seed %d: snapshot %s has changed", seed, ref.Value)
				}
			}
		}
	}
}

func (m *Machine) frozenAt(t *testing.T, ref types.ManagedObjectReference) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, l := range m.shots[ref].layers {
		p := make([]byte, m.disks[key].size)
		if err := l.readAt(p, 0); err != nil {
			t.Fatal(err)
		}
		return p
	}
	return nil
}

// covered asks for the areas since a past and applies them to it: then it must be the present.
func covered(t *testing.T, c *client, m *Machine, ref types.ManagedObjectReference, d *types.VirtualDisk, was past, now []byte) {
	t.Helper()
	image := bytes.Clone(was.content)
	all, _ := c.allAreas(m, ref, d, was.id)
	for _, a := range all {
		copy(image[a.Start:a.Start+a.Length], now[a.Start:a.Start+a.Length])
	}
	if !bytes.Equal(image, now) {
		t.Fatalf("the areas since %s leave changes out", was.id)
	}
}
