package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/cmd/internal/clitest"
	"vbfs/testdata/vsim"
)

// A crowded vCenter has six machines, four on the datastore fast and two on the other one, half of them on another host. Snapshots take a
// while to be made and to be removed.
func newCrowded(t *testing.T) (l *vcenter, all []*vsim.Machine) {
	t.Helper()
	l = newVMware(t)
	stores := []string{"fast", "fast", "fast", "fast", "slow disks 7%", "slow disks 7%"}
	for i, store := range stores {
		m := l.h.Add(vsim.Spec{Name: fmt.Sprint("m", i), Datastore: store, Disks: []vsim.Disk{{Size: 1 << 20, Content: []byte(fmt.Sprint("disk of ", i))}}})
		if i%2 == 1 {
			m.MoveHost()
		}
		all = append(all, m)
	}
	l.h.Slow("CreateSnapshot_Task", 300*time.Millisecond)
	l.h.Slow("RemoveSnapshot_Task", 400*time.Millisecond)
	return l, all
}

// most is how many machines had a snapshot at once: in all, of a datastore, of a host.
type most struct{ all, store, host int }

// watch looks on until the program ends. A look that took long counts for nothing: its first machine may be done before its last begins.
func watch(t *testing.T, p *clitest.Process, all []*vsim.Machine) (clitest.Result, most) {
	t.Helper()
	ended, seen := make(chan clitest.Result, 1), most{}
	go func() { ended <- p.End(0) }()
	for {
		select {
		case r := <-ended:
			return r, seen
		case <-time.After(10 * time.Millisecond):
		}
		start, stores, hosts, n := time.Now(), map[string]int{}, map[string]int{}, 0
		for i, m := range all {
			if m.Snapshots() > 0 {
				n++
				stores[[]string{"fast", "slow"}[i/4]]++
				hosts[m.Host()]++
			}
		}
		if time.Since(start) > 100*time.Millisecond {
			continue
		}
		seen.all = max(seen.all, n)
		for _, n := range stores {
			seen.store = max(seen.store, n)
		}
		for _, n := range hosts {
			seen.host = max(seen.host, n)
		}
	}
}

// Machines are captured side by side, as many as the limits allow and no more, and each point is its machine's.
func TestTogether(t *testing.T) {
	t.Parallel()
	l, all := newCrowded(t)
	for _, c := range []struct {
		args []string
		want most
	}{
		{nil, most{4, 2, 4}},
		{[]string{"--machines-at-once", "1"}, most{1, 1, 1}},
		{[]string{"--machines-at-once", "6", "--per-datastore", "4", "--per-host", "1"}, most{2, 2, 1}},
	} {
		args := append(l.account("backup", "vsphere:", "--all", "--transport", "https"), c.args...)
		r, seen := watch(t, l.Start("vbackup", args...), all)
		if r.Code != 0 || seen.all > c.want.all || seen.store > c.want.store || seen.host > c.want.host {
			t.Errorf("%v: exit code %d, at once %+v, more than %+v: %s", c.args, r.Code, seen, c.want, r.Err)
		}
		if seen.all < c.want.all {
			t.Errorf("%v: at once %+v", c.args, seen)
		}
		for line := range strings.Lines(r.Out) {
			if !strings.HasPrefix(line, "m") || strings.Count(line, "@") != 1 {
				t.Errorf("%q", line)
			}
		}
	}
	if n := len(l.Points()); n != 3*len(all) {
		t.Errorf("%d points", n)
	}
	for i, m := range all {
		l.same(m, fmt.Sprint("m", i))
	}
	l.OK("vbackup", "verify", "--read-data")
}

// One that fails does not keep the others from it; the summary is in their order.
func TestTogetherOneFails(t *testing.T) {
	t.Parallel()
	l, all := newCrowded(t)
	l.h.Fail(vsim.Failure{Method: "CreateSnapshot_Task", Machine: all[1], Fault: &types.InsufficientResourcesFault{}})
	r := l.Run("vbackup", l.account("backup", "vsphere:", "--all", "--transport", "https", "--json")...)
	lines := l.Lines(r.Out)
	end := lines[len(lines)-1]
	if r.Code != 3 || len(end["points"].([]any)) != 5 || fmt.Sprint(end["failed"]) != "[m1]" || !strings.Contains(r.Err, "m1: ") {
		t.Errorf("exit code %d: %v: %s", r.Code, end, r.Err)
	}
	named := map[any]string{}
	for _, p := range l.Points() {
		named[p["id"]] = p["machine"].(string)
	}
	var order []string
	for _, id := range end["points"].([]any) {
		order = append(order, named[id])
	}
	if !slices.Equal(order, []string{"m0", "m2", "m3", "m4", "m5"}) {
		t.Errorf("%q", order)
	}
}

// On a terminal one bar tells how far all of them are, and nothing waits for ever for it.
func TestTogetherOnTerminal(t *testing.T) {
	t.Parallel()
	l, _ := newCrowded(t)
	code, screen := l.OnTerminal(nil, "vbackup", l.account("backup", "vsphere:", "--all", "--transport", "https", "-v")...)
	if code != 0 || !strings.Contains(screen, "of 6 done)") || strings.Count(screen, "full, read") != 6 {
		t.Errorf("exit code %d: %s", code, screen)
	}
}

// An interrupted run cleans up after all machines that were at work.
func TestTogetherInterrupted(t *testing.T) {
	t.Parallel()
	l, all := newCrowded(t)
	held := func() (n int) {
		for _, m := range all {
			n += m.Snapshots()
		}
		return n
	}
	p := l.Start("vbackup", l.account("backup", "vsphere:", "--all", "--transport", "https")...)
	clitest.Until(t, "several snapshots", func() bool { return held() > 1 })
	r := p.End(syscall.SIGINT)
	if r.Code != 130 || !strings.Contains(r.Err, "interrupted") || strings.Count(r.Err, "vbackup: ") != 1 {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if n, left := held(), sessions(t, l.Lab); n > 0 || left != nil || l.h.Sessions() > 0 {
		t.Errorf("it leaves %d snapshots, sessions %v, %d logins", n, left, l.h.Sessions())
	}
	l.h.NoTrouble()
	l.OK("vbackup", l.account("backup", "vsphere:", "--all", "--transport", "https")...)
	l.OK("vbackup", "verify", "--read-data")
}

// Clones that are captured side by side for the first time store once what they have in common.
func TestTogetherClones(t *testing.T) {
	t.Parallel()
	l := newVMware(t)
	const clones, size = 4, 12 << 20
	disk := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(disk[:size/2])
	var all []*vsim.Machine
	for i := range clones {
		own := bytes.Clone(disk)
		copy(own[i<<20:], fmt.Sprintf("disk of m%d", i))
		all = append(all, l.h.Add(vsim.Spec{Name: fmt.Sprint("m", i), Disks: []vsim.Disk{{Size: size, Content: own}}}))
	}
	l.h.Slow("CreateSnapshot_Task", 300*time.Millisecond) // so that none is done before the others begin
	l.OK("vbackup", l.account("backup", "vsphere:", "--all", "--transport", "https", "--per-datastore", "4", "--limit-rate", "24M")...)
	packs, err := filepath.Glob(filepath.Join(l.Repo, "packs/*/*"))
	if err != nil {
		t.Fatal(err)
	}
	var stored int64
	for _, name := range packs {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		stored += info.Size()
	}
	if stored < size/2 || stored > size/2*11/10 {
		t.Errorf("%d bytes are stored, of %d that the clones have in common", stored, size/2)
	}
	for i, m := range all {
		l.same(m, fmt.Sprint("m", i))
	}
	l.OK("vbackup", "verify", "--read-data")
}
