package vsphere_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/restore"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// small is cheap to restore, and asks for everything once.
func small(t *testing.T, seed uint64) *newLab {
	t.Helper()
	h := vsim.Start(t, vsim.Options{})
	l := &newLab{&overLab{t: t, h: h, m: h.Add(vsim.Spec{Name: "web01", CBT: true, NVRAM: overNoise(seed, 100), Disks: []vsim.Disk{
		{Size: 1 << 20, Content: overNoise(seed, 1<<20)}, {Size: 1 << 20, Content: overNoise(seed+1, 1<<18), Datastore: "slow disks 7%"}}})}}
	l.m.SetAttribute("Owner", "me")
	l.m.Tag("Tier", "gold")
	captured(l)
	l.o.Path = "/DC0/vm/new/folder/web02"
	return l
}

// soft are calls that a machine is whole without.
var soft = []string{"DestroyView", "SetField"}

// each restores once for every moment: what fails leaves nothing, what does not is right.
func (l *newLab) each(what string, moments int, hinder func(moment int)) {
	l.t.Helper()
	before, failed := l.left(), 0
	for i := range moments {
		hinder(i)
		r, err := l.try()
		l.h.NoTrouble()
		if err != nil {
			failed++
		} else {
			l.destroy(l.made(r))
			l.sweep()
		}
		if l.same(before); l.t.Failed() {
			l.t.Fatalf("%s %d: %v", what, i, err)
		}
	}
	l.t.Logf("%s: %d of %d failed", what, failed, moments)
	if failed == 0 && !slices.Contains(soft, what) {
		l.t.Errorf("%s: not one failed", what)
	}
}

// sweep removes the folders that a restore made.
func (l *newLab) sweep() {
	l.t.Helper()
	for _, path := range []string{"/DC0/vm/new/folder", "/DC0/vm/new"} {
		folder, err := l.h.Finder().Folder(context.Background(), path)
		if err == nil {
			task, err2 := folder.Destroy(context.Background())
			if err = err2; err == nil {
				err = task.Wait(context.Background())
			}
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

// Whatever call the server refuses, nothing is left, or all is well but for what comes last.
func TestNewFails(t *testing.T) {
	t.Parallel()
	l := small(t, 61)
	l.h.ResetCounts()
	_, r := l.make()
	calls := l.h.Counts().Calls
	l.destroy(l.h.Machine(r.Name))
	l.sweep()
	for _, method := range slices.Sorted(maps.Keys(calls)) {
		if strings.HasPrefix(method, "Login") || method == "Logout" {
			continue
		}
		step := max(1, calls[method]/8)
		l.each(method, (calls[method]+step-1)/step, func(i int) {
			l.h.Fail(vsim.Failure{Method: method, Skip: i * step, Times: 1, Fault: &types.SystemError{Reason: "out of luck"}})
		})
	}
}

// When the connection is cut after something was asked for, so that nobody knows whether it was done, nothing is left.
func TestNewCut(t *testing.T) {
	t.Parallel()
	l := small(t, 62)
	for call, times := range map[string]int{"CreateFolder": 2, "CreateVM_Task": 1, "ReconfigVM_Task": 2} {
		l.each(call, times, func(i int) { l.h.Trouble(vsim.Trouble{Call: call, Cut: true, Skip: i, Times: 1}) })
	}
	l.each("upload", 1, func(int) { l.h.Trouble(vsim.Trouble{Path: "/folder/", Method: "PUT", Status: 403, Times: 1}) })
	before := l.left()
	l.h.Trouble(vsim.Trouble{Call: "SetField", Cut: true, Times: 1})
	l.h.Trouble(vsim.Trouble{Path: "/rest/", Status: 503})
	l.h.Trouble(vsim.Trouble{Path: "/folder/", Method: "PUT", Status: 503, Times: 2}) // which passes
	_, r := l.make()
	l.noted(r, "custom attribute Owner")
	l.noted(r, "tags")
	l.destroy(l.h.Machine(r.Name))
	l.sweep()
	l.same(before)
}

// Whenever it is interrupted, nothing is left.
func TestNewInterrupted(t *testing.T) {
	t.Parallel()
	l := small(t, 63)
	l.h.Slow("CreateVM_Task", 50*time.Millisecond)
	start := time.Now()
	_, r := l.make()
	took := time.Since(start)
	l.destroy(l.h.Machine(r.Name))
	l.sweep()
	before := l.left()
	rng := rand.New(rand.NewPCG(63, 1))
	for range 12 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.Int64N(int64(took))))
		r, err := vsphere.Begin(l.conn).New(ctx, l.machine(l.point), l.o)
		cancel()
		if err == nil {
			l.destroy(l.made(r))
			l.sweep()
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		l.same(before)
	}
}

// What the library says is in the error; a datastore that runs full meanwhile leaves nothing.
func TestNewLibraryFails(t *testing.T) {
	t.Parallel()
	l := small(t, 64)
	for _, fail := range []func(string) error{l.vddk.FailOpen, l.vddk.FailWrite} {
		if err := fail("There is no space left on the datastore"); err != nil {
			t.Fatal(err)
		}
		l.nothing(nil, "There is no space left on the datastore")
		if err := fail(""); err != nil {
			t.Fatal(err)
		}
	}
	l.h.Trouble(vsim.Trouble{Path: "/folder/", Method: "PUT", Status: 500})
	l.nothing(nil, ".nvram", "500")
	l.h.NoTrouble()
	l.h.NoTrouble()
	l.o.Format = "eagerzeroedthick"
	l.h.Fail(vsim.Failure{Method: "ReconfigVM_Task", Fault: &types.NoDiskSpace{FileFault: types.FileFault{File: "x.vmdk"}, Datastore: "fast"}})
	l.nothing(nil, "NoDiskSpace")
	l.h.NoTrouble()
	l.h.SetFree("slow disks 7%", 1<<20-1)
	l.nothing(restore.ErrNoSpace, "slow disks 7%", "1048575")
}
