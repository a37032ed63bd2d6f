package vsphere_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
	capture "vbfs/ingest/vsphere"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// An overLab is a machine that was captured, and is to be restored over.
type overLab struct {
	t    *testing.T
	h    *vsim.Host
	m    *vsim.Machine
	conn *hyper.Conn
	repo *index.Repository
	dir  string // of the repository
	vddk vsim.VDDK
	o    vsphere.Options
	anew bool // what is killed makes a new machine

	point *format.Manifest
	want  map[string][]byte // by disk
}

// spec has two disks, on two datastores; the second is not a multiple of anything.
func overSpec(seed uint64) vsim.Spec {
	return vsim.Spec{Name: "web 01", CBT: true, Disks: []vsim.Disk{
		{Size: 6 << 20, Content: overNoise(seed, 3<<20)}, {Size: 3<<20 + 5<<10, Content: overNoise(seed+1, 1<<20), Datastore: "slow disks 7%"},
	}}
}

// newOverLab makes the machine, captures it, lets its guest write more, and turns it off.
func newOverLab(t *testing.T, ho vsim.Options, spec vsim.Spec) *overLab {
	t.Helper()
	h, dir := vsim.Start(t, ho), t.TempDir()
	l := &overLab{t: t, h: h, m: h.Add(spec), conn: vspheretest.Login(t, h), repo: indextest.PlainIn(t, dir), dir: dir, want: map[string][]byte{}}
	l.vddk = h.VDDK()
	l.o.VDDK = hyper.VDDKOptions{Plugin: l.vddk.Plugin, LibDir: l.vddk.LibDir}
	l.point = l.capture(ingest.Auto)
	for _, d := range l.point.Disks {
		l.want[d.Name] = l.m.Frozen(d.Name)
	}
	l.scribble(rand.New(rand.NewPCG(7, 7)), 6)
	if !spec.Off {
		l.m.PowerOff()
	}
	return l
}

// capture makes a point, whose disks must be what was frozen.
func (l *overLab) capture(level string) *format.Manifest {
	l.t.Helper()
	src := capture.New(l.conn, l.m.Ref(), capture.Options{State: l.t.TempDir(), Scratch: l.t.TempDir(), QuiescePause: time.Millisecond, VDDK: l.o.VDDK})
	p, err := ingest.Run(l.t.Context(), l.repo, ingest.Options{Machine: "web01", Level: level, Source: src})
	if err != nil {
		l.t.Fatalf("%s: %v", level, err)
	}
	if p, err = l.repo.Point(l.t.Context(), p); err != nil {
		l.t.Fatal(err)
	}
	for _, d := range l.machine(p).Disks {
		got := make([]byte, d.Record.Size)
		if _, err := d.Image.ReadAt(got, 0); err != nil || !bytes.Equal(got, l.m.Frozen(d.Record.Name)) {
			l.t.Fatalf("point %s: disk %s is not what was frozen: %v", p.Name, d.Record.Name, err)
		}
	}
	return p
}

// machine is what a point has, or some disks of it.
func (l *overLab) machine(p *format.Manifest, disks ...string) machine.Machine {
	l.t.Helper()
	m := machine.Machine{Repository: l.repo.ID(), Point: p, Alone: disks != nil}
	for i := range p.Disks {
		d := &p.Disks[i]
		if disks != nil && !slices.Contains(disks, d.Name) || !d.HasImage() {
			continue
		}
		img, err := l.repo.Image(p, d.Name)
		if err != nil {
			l.t.Fatal(err)
		}
		amount, err := restore.Survey(l.t.Context(), img)
		if err != nil {
			l.t.Fatal(err)
		}
		m.Disks = append(m.Disks, machine.Disk{Record: d, Image: img, Amount: amount})
	}
	return m
}

// over restores the point.
func (l *overLab) over(disks ...string) (*machine.Result, error) {
	l.t.Helper()
	return vsphere.Begin(l.conn).Over(l.t.Context(), l.machine(l.point, disks...), l.o)
}

// must restores, and the machine is then what the point has.
func (l *overLab) must() *machine.Result {
	l.t.Helper()
	r, err := l.over()
	if err != nil {
		l.t.Fatal(err)
	}
	l.is(l.want)
	return r
}

// is compares the machine's disks, as a whole and at random offsets.
func (l *overLab) is(want map[string][]byte) {
	l.t.Helper()
	for name, p := range want {
		got := l.m.Content(name)
		if !bytes.Equal(got, p) {
			l.t.Fatalf("disk %s is another, from byte %d of %d", name, overDiffer(got, p), len(p))
		}
	}
}

// now is what the machine holds.
func (l *overLab) now() map[string][]byte {
	l.t.Helper()
	all := map[string][]byte{}
	for _, d := range l.m.Disks() {
		all[d] = l.m.Content(d)
	}
	return all
}

// unchanged expects that a restore is refused with an error that says so, and changes nothing.
func (l *overLab) unchanged(is error, parts ...string) {
	l.t.Helper()
	before, tracking := l.now(), l.look().Tracking
	_, err := l.over()
	l.fails(err, is, parts...)
	l.is(before)
	if now := l.look(); now.Tracking != tracking {
		l.t.Errorf("change tracking was %t and is %t", tracking, now.Tracking)
	}
}

func (l *overLab) fails(err, is error, parts ...string) {
	l.t.Helper()
	if err == nil || is != nil && !strings.Contains(err.Error(), is.Error()) {
		l.t.Fatalf("%v, not %v", err, is)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			l.t.Errorf("%q does not say %q", err, part)
		}
	}
}

func (l *overLab) look() *hyper.Machine {
	l.t.Helper()
	m, err := l.conn.Machine(l.t.Context(), l.m.Ref())
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

// scribble is what the guest does meanwhile.
func (l *overLab) scribble(rng *rand.Rand, n int) {
	l.t.Helper()
	for range n {
		for _, d := range l.m.Disks() {
			size := int64(len(l.m.Content(d)))
			p := make([]byte, 1+rng.IntN(100<<10))
			if rng.IntN(4) > 0 {
				for i := range p {
					p[i] = byte(rng.Uint32())
				}
			}
			l.m.Write(d, rng.Int64N(size-int64(len(p))), p)
		}
	}
}

func overNoise(seed uint64, n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(p)
	return p
}

func overDiffer(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// exchange has two disks change places.
func (l *overLab) exchange(a, b string) {
	l.t.Helper()
	devices, err := l.m.Object().Device(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	var changes []types.BaseVirtualDeviceConfigSpec
	units := map[int32]int32{}
	for _, d := range hyper.Disks(devices) {
		units[d.Key] = 1 - d.Unit
	}
	list := devices.SelectByType((*types.VirtualDisk)(nil))
	for _, d := range list {
		changes = append(changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: d})
	}
	for i, d := range list {
		disk := *d.(*types.VirtualDisk)
		unit := units[disk.Key]
		disk.Key, disk.UnitNumber = int32(-10-i), &unit
		changes = append(changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: &disk})
	}
	task, err := l.m.Object().Reconfigure(l.t.Context(), types.VirtualMachineConfigSpec{DeviceChange: changes})
	if err == nil {
		err = task.Wait(l.t.Context())
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// allocated is how many bytes a sparse file takes.
func allocated(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
