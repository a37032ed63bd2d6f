package index

import (
	"encoding/binary"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"vbfs/index/format"
	"vbfs/index/pack"
)

// A repository of 10 TiB: 160 million slots.
const (
	vastPacks = 160_000
	vastSlots = 1000 // of each
)

func vastPack(i int) (id format.PackID) {
	binary.BigEndian.PutUint64(id[:], uint64(i+1)<<32|uint64(i*7919))
	return id
}

// vast is a collection that has marked so much, of which a block in ten is dead, and looked at all packs.
func vast(repo *Repository) *prune {
	v := &inventory{r: repo, live: marks{}, packs: map[format.PackID]int64{}, bundles: map[format.PackID]int64{}, spared: map[format.Mark]bool{}}
	for i := range vastPacks {
		id := vastPack(i)
		for s := 0; s < vastSlots; s += 10 {
			v.live.add(format.Address{Pack: id, Slot: uint16(s)}, 9)
		}
		v.packs[id] = 64 << 20
		v.holders = append(v.holders, &holder{id: id, size: 64 << 20, live: 58 << 20, slots: vastSlots * 9 / 10, dead: vastSlots / 10})
	}
	v.moves = &pack.Moves{}
	return &prune{r: repo, stock: v, result: &Pruned{}}
}

// A gauge watches what the Go runtime holds of memory.
type gauge struct {
	most   uint64
	cycles uint64
	stop   chan struct{}
	ended  chan struct{}
}

var gauged = []string{"/memory/classes/total:bytes", "/memory/classes/heap/released:bytes", "/gc/cycles/total:gc-cycles"}

func newGauge() *gauge {
	debug.FreeOSMemory()
	g := &gauge{stop: make(chan struct{}), ended: make(chan struct{})}
	g.look()
	first := g.cycles
	go func() {
		defer close(g.ended)
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-tick.C:
				g.look()
			case <-g.stop:
				g.look()
				g.cycles -= first
				return
			}
		}
	}()
	return g
}

func (g *gauge) look() {
	s := make([]metrics.Sample, len(gauged))
	for i := range s {
		s[i].Name = gauged[i]
	}
	metrics.Read(s)
	g.most = max(g.most, s[0].Value.Uint64()-s[1].Value.Uint64())
	g.cycles = s[2].Value.Uint64()
}

// fits stops and says whether no more was held at any time, in MiB, and that the collector was not busy all the time.
func (g *gauge) fits(t *testing.T, what string, limit uint64) {
	t.Helper()
	close(g.stop)
	<-g.ended
	t.Logf("%s: %d MiB, collected %d times", what, g.most>>20, g.cycles)
	if g.most>>20 > limit || g.cycles > 60 {
		t.Errorf("%s: %d MiB of at most %d, collected %d times", what, g.most>>20, limit, g.cycles)
	}
}

// heapLimit is what cmd/vbackup has the collector keep to, and resident what prune may take of memory, with some 40 MiB that
// are not the runtime's and some 80 that caches of a real repository take.
const (
	heapLimit = 200 << 20
	resident  = 512 - 40 - 80 // MiB
)

// It does not run beside other tests: it looks at what all of them hold.
func TestPruneOfTenTiBFitsMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(heapLimit))
	repo := newChain(t, t.TempDir(), 1).repo

	g := newGauge()
	p := vast(repo)
	if _, more := p.stock.choose(func(int64) int64 { return 0 }, math.MaxInt64); !more {
		t.Error("all is chosen: this is not the worst case")
	}
	g.fits(t, "160 million slots", resident/4)

	g = newGauge()
	slots := make([]format.Address, 0, maxDead)
	for i := 0; len(slots) < maxDead; i++ {
		id := vastPack(i)
		for s := range min(vastSlots, maxDead-len(slots)) {
			slots = append(slots, format.Address{Pack: id, Slot: uint16(s)})
		}
	}
	slices.SortFunc(slots, format.Address.Compare)
	if err := p.putAll(t.Context(), nil, slots); err != nil {
		t.Fatal(err)
	}
	g.fits(t, "the longest list of dead slots", resident)

	g = newGauge()
	if all, err := repo.collections(t.Context()); len(all) != maxDead/maxCondemned || err != nil {
		t.Errorf("%d collections, %v", len(all), err)
	}
	g.fits(t, "reading it", resident)
	runtime.KeepAlive(p)
}
