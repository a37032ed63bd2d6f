package vsphere_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	hyper "vbfs/hyper/vsphere"
	"vbfs/index"
	"vbfs/index/object"
	"vbfs/ingest"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/vsphere"
	"vbfs/testdata/vsim"
)

// A victim is a restore in a process of its own, to be killed.
type victim struct {
	Host, User, Password, Thumbprint string
	Repository, Table                string
	Options                          vsphere.Options
}

const victimVariable = "VBFS_TEST_VSPHERE_RESTORE"

func TestMain(m *testing.M) {
	if text := os.Getenv(victimVariable); text != "" {
		var v victim
		err := json.Unmarshal([]byte(text), &v)
		if err == nil {
			err = v.run(context.Background())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func (v victim) run(ctx context.Context) error {
	store, err := object.OpenLocal(v.Repository)
	if err != nil {
		return err
	}
	repo, err := index.Open(ctx, store, index.OpenOptions{Table: v.Table})
	if err != nil {
		return err
	}
	conn, err := hyper.Login(ctx, hyper.Server{Host: v.Host, User: v.User, Password: v.Password, Thumbprint: v.Thumbprint})
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
	_, err = vsphere.Begin(conn).Over(ctx, m, v.Options)
	return err
}

// kill runs a restore, and kills it when it is time. It tells whether it lived to its end.
func (l *overLab) kill(due func() bool) (done bool) {
	l.t.Helper()
	text, err := json.Marshal(victim{l.h.URL().Host, l.h.User(), l.h.Password(), l.h.Thumbprint(), l.dir, l.t.TempDir(), l.o})
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+string(text))
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for end := time.Now().Add(30 * time.Second); !due() && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		select {
		case <-ended:
			if said.String() != "<nil>\n" {
				l.t.Fatalf("before it was killed: %s", said.String())
			}
			return true
		default:
		}
	}
	cmd.Process.Kill()
	<-ended
	return false
}

// after is due when some time has gone by.
func after(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
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
		if !l.kill(after(time.Duration(50+rand.IntN(700)) * time.Millisecond)) {
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
		if !l.kill(after(time.Duration(100+rand.IntN(1200)) * time.Millisecond)) {
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
		time.Sleep(400 * time.Millisecond) // what the server has begun ends
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
