package vsphere_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/index/indextest"
	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/victim"
	"vbfs/testdata/vsim"
)

// A doomed is a run in a process of its own, to be killed.
type doomed struct {
	Server                   hyper.Server
	Machine                  hyper.Ref
	Repository, Table, State string
}

func TestMain(m *testing.M) { os.Exit(victim.Main(m, backup)) }

func backup(ctx context.Context, d doomed) error {
	repo, err := indextest.Open(ctx, d.Repository, d.Table)
	if err != nil {
		return err
	}
	defer repo.Close()
	conn, err := hyper.Login(ctx, d.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = ingest.Run(ctx, repo, ingest.Options{Machine: "web01", Source: vsphere.New(conn, d.Machine, vsphere.Options{Transport: vsphere.HTTPS, State: d.State})})
	return err
}

// Killed at any moment and run again: no snapshot of ours is left, no point is lost or wrong.
func TestKilled(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	dir := t.TempDir()
	l := &lab{t, h, h.Add(twoDisks(21)), vspheretest.Login(t, h), indextest.PlainIn(t, dir), vsphere.Options{Transport: vsphere.HTTPS, State: t.TempDir()}, map[string]map[string][]byte{}}
	h.Slow("CreateSnapshot_Task", 100*time.Millisecond)
	h.Slow("RemoveSnapshot_Task", 100*time.Millisecond)
	h.Trouble(vsim.Trouble{Path: "/folder/", Suffix: "-flat.vmdk", Delay: 10 * time.Millisecond})
	d := doomed{vspheretest.ByThumbprint(h), l.m.Ref(), dir, t.TempDir(), l.o.State}
	rng := rand.New(rand.NewPCG(21, 1))
	left, made, seed := 0, 0, rand.Uint64()
	t.Logf("seed %d", seed)
	when := rand.New(rand.NewPCG(seed, 1))
	for i := range 8 {
		l.write(rng, 2)
		victim.Kill(t, d, victim.After(time.Duration(50+when.IntN(500))*time.Millisecond))
		time.Sleep(50 * time.Millisecond) // a call that was on its way has come to the server by then
		made += l.adopt()
		if i%2 == 0 {
			l.write(rng, 1)
		}
		p := l.capture(ingest.Auto)
		if strings.Contains(strings.Join(p.Warnings, ""), "left behind") {
			left++
		}
		l.again()
	}
	t.Logf("%d points were made before the kill, %d snapshots were left behind, and went", made, left)
}

// adopt expects of a point that a victim made what it had frozen.
func (l *lab) adopt() (made int) {
	l.t.Helper()
	points, err := l.repo.Points(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range points {
		if l.want[p.Point.String()] != nil {
			continue
		}
		made++
		l.want[p.Point.String()] = map[string][]byte{}
		for _, d := range p.Disks {
			l.want[p.Point.String()][d.Name] = l.m.Frozen(d.Name)
		}
	}
	return made
}
