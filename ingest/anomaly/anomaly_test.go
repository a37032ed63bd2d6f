package anomaly_test

import (
	"cmp"
	"math/rand/v2"
	"strings"
	"testing"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/ingest/anomaly"
)

// A machine makes points as captures would count them. All is by shares of a disk of 100 GiB.
type machine struct {
	rng    *rand.Rand
	size   int64
	data   float64 // share of the disk that is not zero
	points []*format.Manifest
}

const size = 100 << 30

// A night is what a capture comes to: shares of the data, and ratios.
type night struct {
	changed float64 // of the data
	ratio   float64 // that new blocks compress to
	known   float64 // share of the changed blocks that the repository had
	grown   float64 // data that came to the disk, as a share of it
}

// encrypt is a night in which a share of the data was encrypted besides.
func (n night) encrypt(share float64) night {
	sum := n.changed*(1-n.known) + share
	n.ratio = (n.ratio*n.changed*(1-n.known) + share) / sum
	n.changed, n.known = n.changed+share, 1-sum/(n.changed+share)
	return n
}

func newMachine(seed uint64) *machine {
	m := &machine{rng: rand.New(rand.NewPCG(seed, 4)), size: size, data: 0.4}
	m.points = []*format.Manifest{m.point(night{changed: 1, ratio: 0.6})}
	return m
}

func (m *machine) point(n night) *format.Manifest {
	m.data = min(1, m.data+n.grown)
	data := m.data * float64(m.size)
	changed := min(1, n.changed) * data
	fresh := changed * (1 - n.known)
	return &format.Manifest{Disks: []format.Disk{{
		ID: "vda", Name: "vda", State: format.DiskOK, Size: m.size, Data: int64(data) >> block.Log2Size,
		Changed: int64(changed), New: int64(fresh), Stored: int64(fresh * n.ratio),
	}}}
}

// night gives what a night says, and keeps the point.
func (m *machine) night(n night) string {
	p := m.point(n)
	p.Anomaly = anomaly.Of(p, m.points, ordinary)
	m.points = append(m.points, p)
	return p.Anomaly
}

func ordinary(p *format.Manifest) bool { return p.Anomaly == "" }

// about varies a figure.
func (m *machine) about(x, by float64) float64 { return min(1, x*(1+by*(2*m.rng.Float64()-1))) }

// A life is the nights of a kind of machine.
type life func(m *machine, day int) night

var lives = map[string]life{
	"steady": func(m *machine, _ int) night {
		return night{changed: m.about(0.01, 0.5), ratio: m.about(0.45, 0.2), known: 0.1}
	},
	"uniform": func(*machine, int) night { return night{changed: 0.012, ratio: 0.4} },
	"idle":    func(m *machine, _ int) night { return night{changed: m.about(0.00002, 1), ratio: m.about(0.5, 1)} },
	"growing": func(m *machine, _ int) night {
		return night{changed: m.about(0.03, 0.3), ratio: m.about(0.55, 0.2), grown: 0.008}
	},
	"weekly updates": func(m *machine, day int) night {
		if day%7 == 6 {
			return night{changed: m.about(0.2, 0.4), ratio: m.about(0.55, 0.15), known: 0.2}
		}
		return night{changed: m.about(0.01, 0.5), ratio: m.about(0.4, 0.2)}
	},
	"weekly archive": func(m *machine, day int) night { // compressed dumps: known once the first has been
		if day%7 == 3 {
			return night{changed: m.about(0.045, 0.1), ratio: 0.97}
		}
		return night{changed: m.about(0.02, 0.5), ratio: m.about(0.5, 0.2)}
	},
	"database": func(m *machine, day int) night {
		if day%10 == 9 { // is rewritten
			return night{changed: m.about(0.7, 0.2), ratio: m.about(0.3, 0.2)}
		}
		return night{changed: m.about(0.06, 0.3), ratio: m.about(0.3, 0.3)}
	},
	"busy": func(m *machine, _ int) night {
		return night{changed: m.about(0.3, 0.4), ratio: m.about(0.5, 0.2), known: 0.2}
	},
	"archive": func(m *machine, day int) night { // of another size each other night
		switch {
		case day%20 == 18:
			return night{changed: 0.2, ratio: 0.98}
		case day%2 == 1:
			return night{changed: m.about(0.1, 0.1), ratio: 0.98}
		}
		return night{changed: m.about(0.1, 0.1), ratio: m.about(0.5, 0.1)}
	},
	"scratch": func(m *machine, _ int) night { // anything may lie there
		return night{changed: m.about(0.1, 0.3), ratio: 0.2 + 0.8*m.rng.Float64()}
	},
	"encrypted disk": func(m *machine, day int) night {
		if day%20 == 19 {
			return night{changed: m.about(0.25, 0.2), ratio: 1}
		}
		return night{changed: m.about(0.01, 0.5), ratio: 1}
	},
	"video": func(m *machine, _ int) night {
		return night{changed: m.about(0.02, 0.5), ratio: m.about(0.96, 0.03), grown: 0.001}
	},
}

// Ordinary lives of a quarter are never flagged, nor what may come once in a life.
func TestOrdinaryLives(t *testing.T) {
	t.Parallel()
	once := map[string]night{
		"upgrade":              {changed: 0.3, ratio: 0.62, known: 0.1},
		"defragmentation":      {changed: 0.9, ratio: 0.5, known: 0.3},
		"database rewritten":   {changed: 0.65, ratio: 0.35},
		"back to an old point": {changed: 0.8, ratio: 0.95, known: 0.97},
		"small download":       {changed: 0.03, ratio: 1},
		"nothing":              {},
	}
	for name, live := range lives {
		for seed := range uint64(40) {
			m := newMachine(seed)
			for day := range 90 {
				if why := m.night(live(m, day)); why != "" {
					t.Fatalf("%s, seed %d, day %d: %s", name, seed, day, why)
				}
			}
			if name == "encrypted disk" || name == "video" { // nothing tells an upgrade from an attack there
				continue
			}
			for what, n := range once {
				if why := anomaly.Of(m.point(n), m.points, ordinary); why != "" {
					t.Errorf("%s, seed %d, %s: %s", name, seed, what, why)
				}
			}
		}
	}
}

// Encryption is flagged whenever it hits more than the machine's own work can hide, and a tenth of the data everywhere else.
func TestEncryption(t *testing.T) {
	t.Parallel()
	shares := []float64{0.1, 0.3, 0.6, 1}
	least := map[string]float64{"database": 0.3, "busy": 0.6, "scratch": 1, "archive": 1, "encrypted disk": 0.6, "video": 0.6}
	for name, live := range lives {
		for seed := range uint64(40) {
			m := newMachine(seed)
			for day := range 12 + int(seed) {
				m.night(live(m, day))
			}
			for _, share := range shares {
				p := m.point(live(m, 1).encrypt(share))
				if why := anomaly.Of(p, m.points, ordinary); why == "" && share >= cmp.Or(least[name], 0.1) {
					t.Errorf("%s, seed %d, %.0f %% encrypted: %q", name, seed, 100*share, why)
				}
			}
		}
	}
}

// The sixth point after the first can be judged, and no earlier one.
func TestHistoryIsNeeded(t *testing.T) {
	t.Parallel()
	m := newMachine(1)
	attack := night{changed: 0.9, ratio: 1}
	for day := range 9 {
		if why := anomaly.Of(m.point(attack), m.points, ordinary); (why == "") != (day < 5) {
			t.Errorf("after %d increments: %q", day, why)
		}
		m.night(lives["steady"](m, day))
	}
}

func TestNeverFlagged(t *testing.T) {
	t.Parallel()
	attack := night{changed: 0.9, ratio: 1}
	for name, change := range map[string]func(m *machine, p *format.Manifest){
		"grown disk":    func(m *machine, p *format.Manifest) { p.Disks[0].Size += 1 << 30 },
		"new disk":      func(m *machine, p *format.Manifest) { p.Disks[0].ID = "vdb" },
		"failed disk":   func(m *machine, p *format.Manifest) { p.Disks[0].State = format.DiskFailed },
		"carried disk":  func(m *machine, p *format.Manifest) { p.Disks[0].State = format.DiskCarried },
		"after a gap":   func(m *machine, p *format.Manifest) { m.points[len(m.points)-1].Disks[0].State = format.DiskSkipped },
		"empty disk":    func(m *machine, p *format.Manifest) { p.Disks[0].Data, m.points[len(m.points)-1].Disks[0].Data = 0, 0 },
		"first point":   func(m *machine, p *format.Manifest) { m.points = nil },
		"small machine": func(m *machine, p *format.Manifest) { shrink(p, 1<<20); shrink(m.points[len(m.points)-1], 1<<20) },
		"control":       func(m *machine, p *format.Manifest) {},
	} {
		m := newMachine(2)
		for day := range 20 {
			m.night(lives["steady"](m, day))
		}
		p := m.point(attack)
		change(m, p)
		if why := anomaly.Of(p, m.points, ordinary); (why != "") != (name == "control") {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// shrink makes a point one of a disk with so few bytes of data, of the same shares.
func shrink(p *format.Manifest, data float64) {
	d := &p.Disks[0]
	by := data / float64(d.DataBytes())
	d.Data, d.Changed = int64(data)>>block.Log2Size, int64(float64(d.Changed)*by)
	d.New, d.Stored = int64(float64(d.New)*by), int64(float64(d.Stored)*by)
}

// Flagged points are no measure for later ones, until somebody accepts them; one that is accepted by mistake does not
// blind for long.
func TestFlaggedPointsAreNoMeasure(t *testing.T) {
	t.Parallel()
	m := newMachine(3)
	steady := lives["steady"]
	for day := range 20 {
		m.night(steady(m, day))
	}
	for range 10 {
		if m.night(night{changed: 0.4, ratio: 1}) == "" {
			t.Fatal("the attack became ordinary")
		}
	}
	everything := func(*format.Manifest) bool { return true }
	if why := anomaly.Of(m.point(night{changed: 0.4, ratio: 1}), m.points, everything); why != "" {
		t.Errorf("accepted ten times: %s", why)
	}
	m.points = m.points[:22] // one of them accepted
	if anomaly.Of(m.point(night{changed: 0.4, ratio: 1}), m.points, everything) == "" {
		t.Error("one accepted point blinds")
	}
}

// Every disk is judged by itself, and the text has the figures.
func TestText(t *testing.T) {
	t.Parallel()
	m := newMachine(4)
	for range 9 {
		m.night(night{changed: 0.012, ratio: 0.45})
	}
	for _, p := range m.points {
		second := p.Disks[0]
		second.ID, second.Name = "vdb", "vdb"
		p.Disks = append(p.Disks, second)
	}
	p := m.point(night{changed: 0.62, ratio: 0.9996})
	p.Disks = append(p.Disks, m.points[5].Disks[1])
	const want = "changed 62 % of vda (usually 1.2 %), compresses to 100 % (usually 45 %)"
	if why := anomaly.Of(p, m.points, ordinary); why != want {
		t.Errorf("%q", why)
	}
	p.Disks[1] = p.Disks[0]
	p.Disks[1].ID, p.Disks[1].Name = "vdb", "vdb"
	if why := anomaly.Of(p, m.points, ordinary); why != want+"; "+strings.ReplaceAll(want, "vda", "vdb") {
		t.Errorf("%q", why)
	}
}
