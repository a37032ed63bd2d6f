package vsphere_test

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/index/indextest"
	"vbfs/ingest"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/victim"
	"vbfs/testdata/vsim"
)

// A doomed is a restore in a process of its own, to be killed.
type doomed struct {
	Server            hyper.Server
	Repository, Table string
	New               bool // else it is over the machine that is there
	Options           vsphere.Options
}

func TestMain(m *testing.M) { os.Exit(victim.Main(m, bring)) }

func bring(ctx context.Context, d doomed) error {
	repo, err := indextest.Open(ctx, d.Repository, d.Table)
	if err != nil {
		return err
	}
	conn, err := hyper.Login(ctx, d.Server)
	if err != nil {
		return err
	}
	points, err := repo.Points(ctx)
	if err != nil {
		return err
	}
	p, err := repo.Point(ctx, points[0])
	if err != nil {
		return err
	}
	m := machine.Machine{Repository: repo.ID(), Point: p}
	for i := range p.Disks {
		d := machine.Disk{Record: &p.Disks[i]}
		if d.Image, err = repo.Image(p, d.Record.Name); err != nil {
			return err
		}
		if d.Amount, err = restore.Survey(ctx, d.Image); err != nil {
			return err
		}
		m.Disks = append(m.Disks, d)
	}
	if d.New {
		_, err = vsphere.Begin(conn).New(ctx, m, d.Options)
	} else {
		_, err = vsphere.Begin(conn).Over(ctx, m, d.Options)
	}
	return err
}

// kill runs a restore, and kills it when it is due. It tells whether it was done before.
func (l *overLab) kill(due func() bool) (done bool) {
	l.t.Helper()
	done = victim.Kill(l.t, doomed{vspheretest.ByThumbprint(l.h), l.dir, l.t.TempDir(), l.anew, l.o}, due)
	if !done {
		time.Sleep(500 * time.Millisecond) // what the server has begun ends
	}
	return done
}

// called is due when a method was called so often, from now on.
func (l *overLab) called(method string, times int) func() bool {
	l.h.ResetCounts()
	return func() bool { return l.h.Counts().Calls[method] >= times }
}

// Killed at any moment and run again: the machine is what the point has, its tracking is on, and the next backup reads in full.
func TestOverKilled(t *testing.T) {
	t.Parallel()
	l := newOverLab(t, vsim.Options{}, overSpec(41))
	l.h.Slow("ReconfigVM_Task", 50*time.Millisecond)
	rng := rand.New(rand.NewPCG(41, 1))
	killed := 0
	for i := range 5 {
		l.scribble(rng, 3)
		l.o.Delta = i%2 == 0
		if !l.kill(victim.After(time.Duration(50+rand.IntN(700)) * time.Millisecond)) {
			killed++
		}
		l.insist()
		if !l.look().Tracking {
			t.Fatal("change tracking is off")
		}
	}
	l.h.NoTrouble()
	l.m.PowerOn()
	if p := l.capture(ingest.Inc); p.Disks[0].Fallback == "" {
		t.Errorf("the backup after it: %+v", p.Disks[0])
	}
	t.Logf("%d were killed", killed)
}

// insist restores as soon as what the killed one has started is gone.
func (l *overLab) insist() *machine.Result {
	l.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r, err := l.over()
		if err == nil {
			l.is(l.want)
			return r
		}
		if time.Now().After(end) {
			l.t.Fatal(err)
		}
	}
}

// Likewise by streams: until all disks are there, none is replaced, and nothing is left but what is named.
func TestOverByStreamsKilled(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{LeaseTimeout: time.Second}, overSpec(43))
	rng := rand.New(rand.NewPCG(43, 1))
	killed, named := 0, 0
	for range 6 {
		l.scribble(rng, 3)
		before := l.now()
		for _, m := range []string{"ReconfigVM_Task", "MoveVirtualDisk_Task", "Destroy_Task", "DeleteVirtualDisk_Task"} {
			l.h.Slow(m, 50*time.Millisecond)
		}
		l.h.Trouble(vsim.Trouble{Path: "/nfc/", Delay: 100 * time.Millisecond})
		if !l.kill(victim.After(time.Duration(100+rand.IntN(1200)) * time.Millisecond)) {
			killed++
		}
		now := l.now()
		for name := range now {
			if was := string(before["scsi0-0"]) == string(now["scsi0-0"]); (string(before[name]) == string(now[name])) != was {
				t.Fatalf("some disks were replaced, others not")
			}
			if got := string(now[name]); got != string(before[name]) && got != string(l.want[name]) {
				t.Fatalf("disk %s is neither what it was nor what the point has", name)
			}
		}
		l.h.NoTrouble()
		l.h.ExpireLeases()
		notes := strings.Join(l.insist().Notes, "\n")
		named += l.remove(notes)
		l.tidy()
	}
	t.Logf("%d were killed, %d files were named", killed, named)
}

// remove removes files of disks that notes name, and that are not the machine's: an administrator does.
func (l *overLab) remove(notes string) (n int) {
	l.t.Helper()
	var own []string
	for _, d := range l.look().Disks {
		own = append(own, d.File)
	}
	for _, f := range l.files() {
		folder, _, _ := strings.Cut(f, "/")
		if !slices.Contains(own, f) && (strings.Contains(notes, f) || strings.Contains(folder, "vbfs-restore-") && strings.Contains(notes, folder)) {
			n++
			for _, name := range []string{f, strings.TrimSuffix(f, ".vmdk") + "-flat.vmdk"} {
				if err := os.Remove(l.h.Path(name)); err != nil {
					l.t.Fatal(err)
				}
			}
		}
	}
	return n
}

// Killed at a step, while the server goes on with it.
func TestOverByStreamsKilledAt(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{}, overSpec(45))
	for _, c := range []struct {
		method string
		times  int
	}{
		{"MoveVirtualDisk_Task", 1}, {"MoveVirtualDisk_Task", 2}, {"Destroy_Task", 2}, {"ReconfigVM_Task", 3}, {"ReconfigVM_Task", 5}, {"DeleteVirtualDisk_Task", 1},
	} {
		l.scribble(rand.New(rand.NewPCG(45, 1)), 1)
		l.h.Slow(c.method, 200*time.Millisecond)
		if l.kill(l.called(c.method, c.times)) {
			t.Errorf("%s was not called %d times", c.method, c.times)
		}
		l.h.NoTrouble()
		l.h.ExpireLeases()
		r := l.insist()
		t.Logf("%s: %q", c.method, r.Notes)
		l.remove(strings.Join(r.Notes, "\n"))
		l.tidy()
	}
}

// Called off when the disks are being exchanged: they are exchanged back.
func TestOverByStreamsCancelledLate(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{}, overSpec(47))
	l.h.Slow("ReconfigVM_Task", 200*time.Millisecond)
	before, files := l.now(), l.files()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	due := l.called("ReconfigVM_Task", 5) // the mark, change tracking, two machines that give their disks, the exchange
	go func() {
		for end := time.Now().Add(30 * time.Second); !due() && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	_, err := vsphere.Begin(l.conn).Over(ctx, l.machine(l.point), l.o)
	l.fails(err, context.Canceled)
	l.h.NoTrouble()
	l.is(before)
	l.tidy()
	if now := l.files(); !slices.Equal(now, files) || !l.look().Tracking {
		t.Errorf("there were %q, there are %q", files, now)
	}
}

// Called off while the server is asked for throw-away machines: they are waited for, and go.
func TestOverByStreamsCancelledImporting(t *testing.T) {
	t.Parallel()
	l := streams(t, vsim.Options{}, overSpec(49))
	before, files := l.now(), l.files()
	l.h.Trouble(vsim.Trouble{Call: "ImportVApp", Delay: time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	due := l.called("ReconfigVM_Task", 2) // the mark, change tracking
	go func() {
		for end := time.Now().Add(30 * time.Second); !due() && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond)
		cancel()
	}()
	_, err := vsphere.Begin(l.conn).Over(ctx, l.machine(l.point), l.o)
	l.fails(err, context.Canceled)
	time.Sleep(time.Second) // what the server was asked for all the same is there by then
	l.h.NoTrouble()
	l.is(before)
	l.tidy()
	if now := l.files(); !slices.Equal(now, files) {
		t.Errorf("there were %q, there are %q", files, now)
	}
}
