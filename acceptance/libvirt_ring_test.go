package acceptance

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A ring is written by a guest that never rests: number after number, each to the next slot of disks that take turns, and
// only when the one before it is on its disk. What the disks hold at any instant can be told from that alone: up to some
// number all are there, and none after it.
type ring struct {
	disks []string
	first int // number
}

const (
	slots    = 48        // on each disk
	slotSize = 4096      // bytes; written by one request
	slotStep = 128 << 10 // bytes from slot to slot, so that none shares a cluster or a block of ours
)

// spin begins a ring. stop ends it.
func (v *vm) spin(session int, disks ...string) *ring {
	g := &ring{disks, session * 1_000_000}
	v.Run(fmt.Sprintf(`rm -f /stop /stopped; (n=%d
while test ! -e /stop; do
	for disk in %s; do
		n=$((n+1))
		printf '%%%dd' $n | dd of=/dev/$disk bs=%d seek=$((n/%d%%%d*%d)) conv=notrunc,fsync
	done
done; touch /stopped) >/dev/null 2>&1 &`, g.first, strings.Join(disks, " "), slotSize, slotSize, len(disks), slots, slotStep/slotSize))
	return g
}

func (v *vm) stop() { v.Run("touch /stop; until test -e /stopped; do usleep 10000; done; sync") }

// round tells how disks, as they were at one instant, are not what the ring can have made of them.
func (g *ring) round(at map[string]io.ReaderAt) error {
	held := map[int]int{} // the number in a place of the ring
	newest := g.first
	for i, target := range g.disks {
		for slot := range slots {
			p := make([]byte, slotSize)
			if _, err := at[target].ReadAt(p, int64(slot)*slotStep); err != nil {
				return err
			}
			n, err := strconv.Atoi(strings.TrimLeft(string(p), " "))
			if err != nil || n <= g.first {
				continue // of before
			}
			held[slot*len(g.disks)+i] = n
			newest = max(newest, n)
		}
	}
	if newest == g.first {
		return fmt.Errorf("nothing of the ring is on %v", g.disks)
	}
	// The n-th number went to disk n-1 mod k of k, and there to slot n/k mod slots.
	for n := max(g.first+1, newest-slots*len(g.disks)+1); n <= newest; n++ {
		if place := n/len(g.disks)%slots*len(g.disks) + (n-1)%len(g.disks); held[place] != n {
			return fmt.Errorf("number %d is not on %v, and %d is", n-g.first, g.disks, newest-g.first)
		}
	}
	return nil
}
