package vsphere_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/victim"
	"vbfs/testdata/vsim"
)

// insist restores as soon as what the killed one has started is gone.
func (l *newLab) insist() (*vsim.Machine, *machine.Result) {
	l.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r, err := l.try()
		if err == nil {
			return l.made(r), r
		}
		if errors.Is(err, machine.ErrExists) { // it was whole, and only its restore had not ended
			l.destroy(l.h.Machine("web02"))
			l.sweep()
		}
		if time.Now().After(end) {
			l.t.Fatal(err)
		}
	}
}

// clear removes what a restore that is done has made, and expects that there is nothing else.
func (l *newLab) clear(m *vsim.Machine, before []string) {
	l.t.Helper()
	l.destroy(m)
	l.sweep()
	l.same(before)
}

// Killed at any moment and run again: there is one machine, which is what the point has, and nothing else.
func TestNewKilled(t *testing.T) {
	t.Parallel()
	l := small(t, 221)
	before, killed, half := l.left(), 0, 0
	for range 4 {
		for method, d := range map[string]time.Duration{"CreateVM_Task": 60, "ReconfigVM_Task": 60, "Destroy_Task": 30} {
			l.h.Slow(method, d*time.Millisecond)
		}
		if !l.kill(victim.After(time.Duration(100+rand.IntN(500)) * time.Millisecond)) {
			killed++
		} else {
			l.destroy(l.h.Machine("web02"))
			l.sweep()
		}
		m, r := l.insist()
		if strings.Contains(strings.Join(r.Notes, "\n"), "had left half made, is removed") {
			half++
		}
		l.h.NoTrouble()
		l.clear(m, before)
	}
	t.Logf("%d were killed, %d left a machine", killed, half)
}

// Likewise by streams, which bring disks that are no machine's for a while.
func TestNewByStreamsKilled(t *testing.T) {
	t.Parallel()
	l := small(t, 222)
	l.o.Transport = vsphere.NFC
	before, killed, half := l.left(), 0, 0
	for range 4 {
		for _, method := range []string{"CreateVM_Task", "ReconfigVM_Task", "MoveVirtualDisk_Task", "Destroy_Task"} {
			l.h.Slow(method, 40*time.Millisecond)
		}
		l.h.Trouble(vsim.Trouble{Path: "/nfc/", Delay: 50 * time.Millisecond})
		if !l.kill(victim.After(time.Duration(150+rand.IntN(1200)) * time.Millisecond)) {
			killed++
		} else {
			l.destroy(l.h.Machine("web02"))
			l.sweep()
		}
		l.h.NoTrouble()
		l.h.ExpireLeases()
		m, r := l.insist()
		if strings.Contains(strings.Join(r.Notes, "\n"), "had left half made, is removed") {
			half++
		}
		l.clear(m, before)
	}
	t.Logf("%d were killed, %d left a machine", killed, half)
}

// Killed at a step; the next restore goes elsewhere, and finds the half-made machine by the IDs that it has.
func TestNewKilledAt(t *testing.T) {
	t.Parallel()
	l := small(t, 223)
	uuid := l.m.InstanceUUID()
	l.lost()
	before := l.left()
	for _, c := range []struct {
		method    string
		times     int
		transport string
	}{
		{"ReconfigVM_Task", 1, vsphere.VDDK}, {"ReconfigVM_Task", 3, vsphere.VDDK}, {"MoveVirtualDisk_Task", 2, vsphere.NFC}, {"ReconfigVM_Task", 3, vsphere.NFC},
	} {
		l.o.Path, l.o.Transport = "/DC0/vm/there/web01", c.transport
		l.h.Slow(c.method, 200*time.Millisecond)
		if l.kill(l.called(c.method, c.times)) {
			t.Fatalf("%s was not called %d times", c.method, c.times)
		}
		l.h.NoTrouble()
		l.h.ExpireLeases()
		l.o.Foresee, l.o.Path = true, "/DC0/vm/new/folder/web01"
		half := l.left()
		foreseen, err := l.try()
		if err != nil {
			t.Fatal(err)
		}
		l.noted(foreseen, "would be removed first")
		l.same(half)
		l.o.Foresee = false
		m, r := l.insist()
		l.noted(r, "/DC0/vm/there/web01, which a restore that was killed had left half made, is removed")
		if r.UUID != uuid || foreseen.UUID != uuid {
			t.Errorf("%s, %d: it has other IDs", c.method, c.times)
		}
		if _, err := l.h.Finder().Folder(context.Background(), "/DC0/vm/there"); err == nil {
			t.Errorf("%s, %d: the folder is left", c.method, c.times)
		}
		l.clear(m, before)
	}
}
