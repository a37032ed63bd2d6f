package vsphere_test

import (
	"bytes"
	"context"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/index/indextest"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// A newLab is a machine that was captured, and is to be restored as a new one.
type newLab struct{ *overLab }

// makeNewLab makes the machine, which change may give more, and captures it. It is off then.
func makeNewLab(t *testing.T, spec vsim.Spec, change ...types.VirtualMachineConfigSpec) *newLab {
	t.Helper()
	return makeNewLabAt(t, vsim.Start(t, vsim.Options{}), spec, change...)
}

func makeNewLabAt(t *testing.T, h *vsim.Host, spec vsim.Spec, change ...types.VirtualMachineConfigSpec) *newLab {
	t.Helper()
	l := &newLab{&overLab{t: t, h: h, m: h.Add(spec)}}
	for _, c := range change {
		l.reconfigure(c)
	}
	return captured(l)
}

// captured makes a point of the lab's machine, and turns it off.
func captured(l *newLab) *newLab {
	l.t.Helper()
	l.conn, l.dir, l.want, l.anew = vspheretest.Login(l.t, l.h), l.t.TempDir(), map[string][]byte{}, true
	l.repo = indextest.PlainIn(l.t, l.dir)
	l.vddk = l.h.VDDK()
	l.o.VDDK = hyper.VDDKOptions{Plugin: l.vddk.Plugin, LibDir: l.vddk.LibDir}
	l.point = l.capture("full")
	for _, d := range l.point.Disks {
		if d.HasImage() {
			l.want[d.Name] = l.m.Frozen(d.Name)
		}
	}
	if l.look().Power == "poweredOn" {
		l.m.PowerOff()
	}
	return l
}

func (l *newLab) reconfigure(c types.VirtualMachineConfigSpec) {
	l.t.Helper()
	l.reconfigureOf(l.m, c)
}

func (l *newLab) reconfigureOf(m *vsim.Machine, c types.VirtualMachineConfigSpec) {
	l.t.Helper()
	task, err := m.Object().Reconfigure(context.Background(), c)
	if err == nil {
		err = task.Wait(context.Background())
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// lost destroys the recorded machine.
func (l *newLab) lost() {
	l.t.Helper()
	l.destroy(l.m)
}

func (l *newLab) destroy(m *vsim.Machine) {
	l.t.Helper()
	task, err := m.Object().Destroy(context.Background())
	if err == nil {
		err = task.Wait(context.Background())
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *newLab) try() (*machine.Result, error) {
	l.t.Helper()
	return vsphere.Begin(l.conn).New(l.t.Context(), l.machine(l.point), l.o)
}

// make restores, and the machine's disks are then what the point has.
func (l *newLab) make() (*vsim.Machine, *machine.Result) {
	l.t.Helper()
	r, err := l.try()
	if err != nil {
		l.t.Fatal(err)
	}
	return l.made(r), r
}

// made is the restored machine.
func (l *newLab) made(r *machine.Result) *vsim.Machine {
	l.t.Helper()
	m := l.h.ByInstance(r.UUID)
	if len(r.Disks) != len(l.want) || m.Name() != r.Name {
		l.t.Errorf("%s: %+v", m.Name(), r)
	}
	rng := rand.New(rand.NewPCG(3, 3))
	for name, want := range l.want {
		got := m.Content(name)
		for range 50 {
			off := rng.IntN(len(want))
			n := rng.IntN(len(want) - off)
			if !bytes.Equal(got[off:off+n], want[off:off+n]) {
				l.t.Fatalf("disk %s is another at %d", name, off)
			}
		}
		if !bytes.Equal(got, want) {
			l.t.Fatalf("disk %s is another, from byte %d of %d", name, overDiffer(got, want), len(want))
		}
	}
	return m
}

// left lists all that there is: the inventory, and the files of all datastores.
func (l *newLab) left() []string {
	l.t.Helper()
	var all []string
	for _, kind := range []string{"VirtualMachine", "Folder"} {
		list, err := l.h.Finder().ManagedObjectListChildren(context.Background(), "/DC0/vm/...")
		if err != nil {
			l.t.Fatal(err)
		}
		for _, e := range list {
			if e.Object.Reference().Type == kind {
				all = append(all, e.Path+" "+e.Object.Reference().Value)
			}
		}
	}
	for _, d := range vsim.DefaultDatastores {
		root := l.h.Path("[" + d.Name + "] ")
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				all = append(all, strings.TrimPrefix(path, root)+" on "+d.Name)
			}
			return err
		})
		if err != nil {
			l.t.Fatal(err)
		}
	}
	slices.Sort(all)
	return all
}

// nothing expects that a restore is refused with an error that says so, and leaves nothing.
func (l *newLab) nothing(is error, parts ...string) {
	l.t.Helper()
	before := l.left()
	_, err := l.try()
	l.fails(err, is, parts...)
	l.same(before)
}

// same expects what there was before. vcsim removes files of machines after it has said so.
func (l *newLab) same(before []string) {
	l.t.Helper()
	after := l.left()
	for end := time.Now().Add(5 * time.Second); !slices.Equal(before, after) && time.Now().Before(end); after = l.left() {
		time.Sleep(5 * time.Millisecond)
	}
	if !slices.Equal(before, after) {
		l.t.Fatalf("before: %q\nafter: %q", before, after)
	}
}

// noted expects a note.
func (l *newLab) noted(r *machine.Result, part string) {
	l.t.Helper()
	if !strings.Contains(strings.Join(r.Notes, "\n"), part) {
		l.t.Errorf("no note says %q: %q", part, r.Notes)
	}
}
