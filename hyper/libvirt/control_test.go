package libvirt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	rpc "github.com/digitalocean/go-libvirt"

	"vbfs/testdata/lab"
)

const mib = 1 << 20

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// inLab is a domain with two disks, and a connection to its host.
func inLab(t *testing.T) (*lab.Domain, *Conn, *Domain) {
	t.Helper()
	h := lab.Start(t)
	d := h.Domain(lab.Spec{Disks: []lab.Disk{{Target: "vda", Size: 2 * mib}, {Target: "vdb", Size: 1 * mib}, {Target: "vdc", Size: 1 * mib, Format: "raw"}}})
	conn, err := Dial(t.Context(), h.URI())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	dom, err := conn.Domain(t.Context(), d.Name)
	must(t, err)
	return d, conn, dom
}

// backup is a job of all disks, with a checkpoint of the first two.
func backup(h *lab.Host, checkpoint, since string) Backup {
	b := Backup{Socket: filepath.Join(h.Dir, "s"), Checkpoint: checkpoint}
	for _, target := range []string{"vda", "vdb", "vdc"} {
		d := BackupDisk{Target: target, Scratch: filepath.Join(h.Dir, target+".scratch")}
		if target != "vdc" {
			d.Since, d.Mark = since, checkpoint != ""
		}
		b.Disks = append(b.Disks, d)
	}
	return b
}

func all(*Job) bool { return true }

func TestDescribe(t *testing.T) {
	t.Parallel()
	d, conn, dom := inLab(t)
	got, err := dom.Describe(t.Context(), false)
	must(t, err)
	if a := got.Disks[0]; len(got.Disks) != 3 || a.Target != "vda" || a.Bus != "virtio" || a.Device != "disk" || a.Format != "qcow2" || a.Kind != "file" ||
		!strings.HasSuffix(a.Source, "vm-vda.qcow2") || a.ReadOnly || got.UID != 0 || got.Agent {
		t.Errorf("%+v", got)
	}
	if n, err := dom.DiskSize(t.Context(), "vdb"); n != mib || err != nil {
		t.Error(n, err)
	}
	if lv, qemu, err := conn.Versions(t.Context()); err != nil || strings.Count(lv, ".") != 2 || strings.Count(qemu, ".") != 2 {
		t.Error(lv, qemu, err)
	}
	if same, err := conn.Domain(t.Context(), dom.UUID()); err != nil || same.Name() != dom.Name() || same.Run() <= 0 {
		t.Error(same, err)
	}
	if _, err := conn.Domain(t.Context(), "nobody"); !errors.Is(err, ErrNoDomain) {
		t.Error(err)
	}
	d.Virsh("destroy")
	if s, err := dom.State(t.Context()); s != ShutOff || err != nil {
		t.Error(s, err)
	}
	if j, err := dom.Job(t.Context()); j != nil || err != nil {
		t.Error(j, err)
	}
	if _, err := dom.Thaw(t.Context()); err != nil {
		t.Error("nobody is to be thawed:", err)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	d, _, dom := inLab(t)
	ctx := t.Context()
	must(t, dom.Begin(ctx, backup(d.Host, "one", "")))
	j, err := dom.Job(ctx)
	must(t, err)
	if j == nil || j.Socket != filepath.Join(d.Host.Dir, "s") || len(j.Scratch) != 3 {
		t.Fatalf("%+v", j)
	}
	if there, err := dom.End(ctx, func(*Job) bool { return false }); there || err != nil {
		t.Errorf("%v %v", there, err)
	}
	if there, err := dom.End(ctx, all); !there || err != nil {
		t.Errorf("%v %v", there, err)
	}
	if j, err := dom.Job(ctx); j != nil || err != nil {
		t.Errorf("%+v %v", j, err)
	}
	if there, err := dom.End(ctx, all); there || err != nil {
		t.Errorf("%v %v", there, err)
	}
	if left, _ := filepath.Glob(d.Host.Dir + "/*.scratch"); left != nil {
		t.Errorf("left: %q", left)
	}
	must(t, dom.Begin(ctx, backup(d.Host, "two", "one")))
	_, err = dom.End(ctx, all)
	must(t, err)
	got, err := dom.Checkpoints(ctx)
	must(t, err)
	if len(got) != 2 || got[0].Name != "one" || got[1].Parent != "one" || !slices.Equal(got[1].Disks, []string{"vda", "vdb"}) || time.Since(got[0].Created) > time.Minute {
		t.Errorf("%+v", got)
	}
	if err := dom.Begin(ctx, backup(d.Host, "three", "none")); !errors.Is(err, ErrNoCheckpoint) {
		t.Error(err)
	}
	if _, err := dom.Checkpoint(ctx, "three"); !errors.Is(err, ErrNoCheckpoint) {
		t.Error("a job that did not begin left its checkpoint:", err)
	}
}

// A checkpoint goes with all its bitmaps, also when some of them are gone, and nothing of it stays in the images.
func TestDeleteCheckpoint(t *testing.T) {
	t.Parallel()
	d, _, dom := inLab(t)
	ctx := t.Context()
	for _, name := range []string{"one", "two", "three"} {
		must(t, dom.Begin(ctx, backup(d.Host, name, "")))
		_, err := dom.End(ctx, all)
		must(t, err)
	}
	described, err := dom.Describe(ctx, false)
	must(t, err)
	node := fmt.Sprintf("libvirt-%d-format", described.Disks[0].index)
	d.Virsh("qemu-monitor-command", `{"execute":"block-dirty-bitmap-remove","arguments":{"node":"`+node+`","name":"two"}}`)
	err = dom.Begin(ctx, backup(d.Host, "four", "two"))
	if !errors.Is(err, ErrBitmap) || !described.Disks[0].Named(err) || described.Disks[1].Named(err) {
		t.Error(err)
	}
	must(t, dom.DeleteCheckpoint(ctx, "two"))
	must(t, dom.DeleteCheckpoint(ctx, "two"))
	got, err := dom.Checkpoints(ctx)
	must(t, err)
	if len(got) != 2 || got[0].Name != "one" || got[1].Name != "three" {
		t.Errorf("%+v", got)
	}
	if out := d.Virsh("qemu-monitor-command", `{"execute":"query-block"}`); strings.Contains(out, `"two"`) || strings.Count(out, `"three"`) != 2 {
		t.Error(out)
	}
	must(t, dom.Begin(ctx, backup(d.Host, "four", "one")))
	_, err = dom.End(ctx, all)
	must(t, err)
	d.Virsh("destroy")
	if err := dom.DeleteCheckpoint(ctx, "one"); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

// A daemon that was restarted is found again, by questions and by orders, of many at once; one that is not there in time is an error.
func TestRedial(t *testing.T) {
	t.Parallel()
	d, conn, dom := inLab(t)
	for range 3 {
		d.Host.Restart()
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				if _, err := dom.State(t.Context()); err != nil {
					t.Error(err)
				}
				if err := dom.Suspend(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
	}
	d.Host.Do("p=$(cat /run/libvirtd.pid); kill $p; while test -e /proc/$p; do sleep 0.01; done")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := dom.State(ctx); err == nil {
		t.Error("a daemon that is not there answers")
	}
	must(t, conn.Close())
	if _, err := dom.State(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A call ends with its context, and the connection's end does not wait for the answer.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	d, conn, dom := inLab(t)
	must(t, dom.Begin(t.Context(), backup(d.Host, "one", "")))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := dom.Begin(ctx, backup(d.Host, "two", "")) // libvirt waits 30 s for the other job to end
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	must(t, conn.Close())
	if n := time.Since(began); n > 10*time.Second {
		t.Errorf("it took %v", n)
	}
}

// An error of libvirt's is known by its number, and is said in libvirt's words.
func TestTranslate(t *testing.T) {
	t.Parallel()
	err := translate(fmt.Errorf("x: %w", rpc.Error{Code: uint32(rpc.ErrNoDomain), Message: "Domain not found"}))
	if !errors.Is(err, ErrNoDomain) || errors.Is(err, ErrLost) || err.Error() != "Domain not found" {
		t.Error(err)
	}
	if err := translate(rpc.Error{Code: 1, Message: "internal"}); errors.Is(err, ErrLost) || err.Error() != "internal" {
		t.Error(err)
	}
	if err := translate(rpc.ErrInterrupted); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	if translate(nil) != nil {
		t.Error("an error of none")
	}
}
