package vsphere_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	hyper "vbfs/hyper/vsphere"
	"vbfs/index"
	"vbfs/index/object"
	"vbfs/ingest"
	"vbfs/ingest/vsphere"
	"vbfs/testdata/vsim"
)

// A victim is a run in a process of its own, to be killed.
type victim struct {
	Host, User, Password, Thumbprint string
	Machine                          hyper.Ref
	Repository, Table, State         string
}

const victimVariable = "VBFS_TEST_VSPHERE_VICTIM"

func TestMain(m *testing.M) {
	if text := os.Getenv(victimVariable); text != "" {
		var v victim
		err := json.Unmarshal([]byte(text), &v)
		if err == nil {
			err = v.run()
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func (v victim) run() error {
	ctx := context.Background()
	store, err := object.OpenLocal(v.Repository)
	if err != nil {
		return err
	}
	repo, err := index.Open(ctx, store, index.OpenOptions{Table: v.Table})
	if err != nil {
		return err
	}
	defer repo.Close()
	conn, err := hyper.Login(ctx, hyper.Server{Host: v.Host, User: v.User, Password: v.Password, Thumbprint: v.Thumbprint})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = ingest.Run(ctx, repo, ingest.Options{Machine: "web01", Source: vsphere.New(conn, v.Machine, vsphere.Options{Transport: vsphere.HTTPS, State: v.State})})
	return err
}

// Killed at any moment and run again: no snapshot of ours is left, no point is lost or wrong.
func TestKilled(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	dir, table := t.TempDir(), t.TempDir()
	store, err := object.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := index.Init(t.Context(), store, index.InitOptions{NoEncryption: true}); err != nil {
		t.Fatal(err)
	}
	repo, err := index.Open(t.Context(), store, index.OpenOptions{Table: table})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	l := &lab{t, h, h.Add(twoDisks(21)), login(t, h), repo, vsphere.Options{Transport: vsphere.HTTPS, State: t.TempDir()}, map[string]map[string][]byte{}}
	h.Slow("CreateSnapshot_Task", 100*time.Millisecond)
	h.Slow("RemoveSnapshot_Task", 100*time.Millisecond)
	h.Trouble(vsim.Trouble{Path: "/folder/", Suffix: "-flat.vmdk", Delay: 10 * time.Millisecond})
	text, err := json.Marshal(victim{h.URL().Host, h.User(), h.Password(), h.Thumbprint(), l.m.Ref(), dir, table, l.o.State})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(21, 1))
	left, made, seed := 0, 0, rand.Uint64()
	t.Logf("seed %d", seed)
	when := rand.New(rand.NewPCG(seed, 1))
	for i := range 8 {
		l.write(rng, 2)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), victimVariable+"="+string(text))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(50+when.IntN(500)) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
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
