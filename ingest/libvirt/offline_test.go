//go:build cgo && !nolibnbd

package libvirt

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/testdata/lab"
)

// image is where a disk of the bench's domain lies.
func (b *bench) image(target string) string {
	return filepath.Join(b.host.Dir, "images", b.dom.Name+"-"+target+".qcow2")
}

// toolTime is how long a tool may take: a test that waits for ever does not say for what.
const toolTime = 2 * time.Minute

// tool runs one of QEMU's on an image, as an administrator does while the domain is shut off.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err = errors.Join(err, ctx.Err()); err != nil {
		t.Fatalf("%q: %v: %s", args, err, out)
	}
	return string(out)
}

func (b *bench) foreignCheckpoint(name string) {
	b.t.Helper()
	b.dom.Virsh("checkpoint-create-as", "--name", name, "--diskspec", "vda", "--diskspec", "vdb,checkpoint=no")
}

// offBench is a domain with a disk that has bitmaps and one that has none, a full point, and its state at rest since.
func offBench(t *testing.T, host *lab.Host, name string) *bench {
	t.Helper()
	b := benchOn(t, host, lab.Spec{Name: name, Disks: []lab.Disk{{Target: "vda", Size: 8 * mib}, {Target: "vdb", Size: 1 * mib, Format: "raw"}}})
	b.dom.Write("vda", 1, 0, 3*mib)
	b.dom.Write("vdb", 2, 100, 1000)
	b.take("full")
	return b
}

// scribble writes at random, in the place of a guest.
func (b *bench) scribble(rng *rand.Rand) {
	b.t.Helper()
	for range 4 {
		p := make([]byte, 1+rng.IntN(100*kib))
		rand.NewChaCha8([32]byte{byte(rng.Uint32())}).Read(p)
		b.dom.WriteAt("vda", p, rng.Int64N(8*mib-int64(len(p))))
	}
	b.dom.Zero("vda", rng.Int64N(7*mib), 1+rng.Int64N(200*kib))
	b.dom.Discard("vda", rng.Int64N(7*mib), 1+rng.Int64N(200*kib))
}

// TestOffline takes points of a domain that runs and is at rest by turns, with another's checkpoints in between and writes after them.
func TestOffline(t *testing.T) {
	t.Parallel()
	b := offBench(t, lab.Start(t), "vm")
	rng := rand.New(rand.NewPCG(5, 5))
	b.scribble(rng)
	b.foreignCheckpoint("foreign")
	b.dom.Write("vda", 7, 5*mib, 512) // what a bitmap would miss that ended with the next checkpoint
	b.scribble(rng)
	b.dom.Virsh("destroy")
	tool(t, "qemu-io", "-f", "qcow2", "-c", "write -P 8 6M 64k", "-c", "write -z 1M 64k", "-c", "discard 2M 128k", b.image("vda"))
	b.offPoint("inc", "")
	b.rehearsed("")
	b.offPoint("inc", "") // counts from the same point
	b.dom.Start()
	b.scribble(rng)
	if m := b.take("inc"); m.Disks[0].Fallback != "" {
		t.Errorf("running again: %+v", m.Disks[0])
	}
	b.foreignCheckpoint("foreign2")
	b.scribble(rng)
	b.dom.Virsh("checkpoint-delete", "foreign2")
	b.scribble(rng)
	b.dom.Virsh("checkpoint-delete", "foreign", "--metadata")
	b.dom.Virsh("destroy")
	b.offPoint("diff", "")
	b.offPoint("copy", "")
	b.dom.Start()
	b.scribble(rng)
	b.host.KillQEMU("vm")
	b.offPoint("inc", "marked as in use")
	b.dom.Start()
	b.scribble(rng)
	b.take("inc")
	b.take("full")
	b.dom.Virsh("destroy")
	if m := b.offPoint("inc", ""); m.Disks[0].Read != 0 || m.Disks[0].Changed != 0 {
		t.Errorf("of nothing: %+v", m.Disks[0])
	}
	b.offPoint("full", "")
}

// rehearsed has a dry run foresee an increment.
func (b *bench) rehearsed(reason string) {
	b.t.Helper()
	w, err := ingest.Foresee(b.t.Context(), b.repo, ingest.Options{Machine: "vm", Level: "inc", Source: b})
	must(b.t, err)
	plans, err := New(b.conn, b.dom.Name, b.o).Rehearse(b.t.Context(), w)
	if err != nil || plans[0].Changes != (reason == "") || !strings.Contains(plans[0].Fallback, reason) {
		b.t.Errorf("foreseen: %+v, %v", plans, err)
	}
}

// offPoint takes a point of the domain at rest, without the audit that would find a change that was missed. The first disk is read in full
// for a reason, or by its changes for "".
func (b *bench) offPoint(level, reason string) *format.Manifest {
	b.t.Helper()
	want := b.dom.Content("vda")
	m, err := ingest.Run(b.t.Context(), b.repo, ingest.Options{Machine: "vm", Level: level, Source: b})
	must(b.t, err)
	if m, err = b.repo.Point(b.t.Context(), m); err != nil || !bytes.Equal(stored(b.t, b.repo, m, "vda"), want) {
		b.t.Fatalf("%s is not the disk: %v", m.Name, err)
	}
	b.judge(m, level, reason)
	return m
}

func (b *bench) judge(m *format.Manifest, level, reason string) {
	b.t.Helper()
	d := disk(b.t, m, "vda")
	if m.Done != level || d.Tracking != "" || (d.Fallback == "") != (reason == "") || !strings.Contains(d.Fallback, reason) {
		b.t.Errorf("%s, not %s: %+v", m.Done, level, d)
	}
	if (level == "inc" || level == "diff") && reason == "" && d.Read >= 8*mib {
		b.t.Errorf("all was read: %+v", d)
	}
	if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "could not be started") || m.Consistency != ingest.Crash {
		b.t.Errorf("%s, %q", m.Consistency, m.Warnings)
	}
	if raw, ok := m.Disk("vdb"); ok && (level == "inc") != strings.Contains(raw.Fallback, "raw") && level != "diff" {
		b.t.Errorf("the raw disk: %+v", raw)
	}
}

// TestOfflineInDoubt reads in full a disk whose bitmap cannot tell, and says why.
func TestOfflineInDoubt(t *testing.T) {
	t.Parallel()
	host := lab.Start(t)
	for name, c := range map[string]struct {
		do     func(t *testing.T, b *bench, name string)
		reason string
	}{
		"removed": {func(t *testing.T, b *bench, mark string) {
			tool(t, "qemu-img", "bitmap", "--remove", b.image("vda"), mark)
		}, "has no bitmap"},
		"disabled": {func(t *testing.T, b *bench, mark string) {
			tool(t, "qemu-img", "bitmap", "--disable", b.image("vda"), mark)
		}, "is disabled"},
		"forgotten": {func(t *testing.T, b *bench, mark string) { b.dom.Virsh("checkpoint-delete", mark, "--metadata") }, "is not there any more"},
		"snapshot":  {func(t *testing.T, b *bench, _ string) { tool(t, "qemu-img", "snapshot", "-c", "s", b.image("vda")) }, "snapshots inside"},
		"grown":     {func(t *testing.T, b *bench, _ string) { tool(t, "qemu-img", "resize", "-q", b.image("vda"), "9M") }, "size changed"},
		"swapped": {func(t *testing.T, b *bench, _ string) {
			tool(t, "cp", b.image("vda"), b.image("vda")+"~")
			must(t, os.Rename(b.image("vda")+"~", b.image("vda")))
		}, "the disk was"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := offBench(t, host, name)
			b.dom.Virsh("destroy")
			c.do(t, b, b.ours()[0])
			tool(t, "qemu-io", "-f", "qcow2", "-c", "write -P 8 6M 64k", b.image("vda"))
			b.rehearsed(c.reason)
			b.offPoint("inc", c.reason)
		})
	}
}

// TestOfflineLock has the domain started while it is read, before it was kept from that, and has another program write to its disk.
func TestOfflineLock(t *testing.T) {
	t.Parallel()
	b := offBench(t, lab.Start(t), "vm")
	b.dom.Virsh("destroy")
	xml := filepath.Join(b.host.Dir, "vm-again.xml")
	must(t, os.WriteFile(xml, []byte(b.dom.Virsh("dumpxml")), 0o600))
	b.meddle = func(*ingest.Shot) {
		for _, target := range []string{"vda", "vdb"} { // each holds alone
			if out, err := b.host.TryVirsh("start", "vm"); err == nil || !strings.Contains(err.Error(), `"write" lock`) {
				t.Errorf("the domain starts while %s is read: %s, %v", target, out, err)
			}
			if target == "vda" {
				b.dom.Virsh("detach-disk", "vda", "--config")
			}
		}
		b.host.Virsh("define", xml)
	}
	b.take("inc")
	b.meddle = nil
	b.dom.Start()
	b.dom.Write("vda", 3, 1*mib, 64*kib)

	d, err := b.conn.Domain(t.Context(), "vm")
	must(t, err)
	m := New(b.conn, "vm", b.o)
	s, err := m.takeOffline(t.Context(), ingest.Wish{Repository: b.repo.ID(), Level: "copy"}, d)
	if err != nil {
		t.Fatalf("started before it was locked: %v", err)
	}
	if _, err := b.host.TryVirsh("backup-dumpxml", "vm"); err != nil {
		t.Errorf("it is not taken as it runs: %v", err)
	}
	must(t, letGo(t.Context(), s))
	b.dom.Virsh("destroy")

	letGoOf := occupy(t, b.image("vda"))
	p, err := b.run("inc")
	if err == nil || !strings.Contains(err.Error(), "disk vda: open: lock image") || !strings.Contains(err.Error(), "in use by another process") || p.Disks[0].State != format.DiskFailed {
		t.Errorf("another writes to the disk: %v", err)
	}
	letGoOf()
	b.take("inc")
}

// occupy keeps an image open for writing as another program would, and gives what ends that. A QEMU that is about to end may have it
// for a moment still.
func occupy(t *testing.T, image string) (end func()) {
	t.Helper()
	for range 100 {
		cmd := exec.Command("qemu-io", "-f", "qcow2", image)
		in, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		end := func() {
			in.Close()
			cmd.Wait()
		}
		if _, err := out.Read(make([]byte, 1)); err == nil { // its prompt
			return end
		}
		end()
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s cannot be opened for writing", image)
	return nil
}

const secretXML = `<secret ephemeral="no" private="PRIVATE"><uuid>UUID</uuid><usage type="volume"><volume>/IMAGE</volume></usage></secret>`

// encrypt makes an image, and again where QEMU finds the processor too busy to be measured.
func encrypt(t *testing.T, args ...string) {
	t.Helper()
	for range 20 {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err == nil || !strings.Contains(string(out), "CPU usage") {
			break
		}
	}
	tool(t, "qemu-img", "info", args[len(args)-2])
}

// TestOfflineEncrypted reads encrypted disks as the guest does, when libvirt tells their secrets.
func TestOfflineEncrypted(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	key := filepath.Join(h.Dir, "key")
	must(t, os.WriteFile(key, []byte("open, sesame"), 0o600))
	devices := ""
	for _, s := range []struct{ target, uuid, private, format, options, driver string }{
		{"vda", "6a1f9e5e-90a5-4d9c-a1ff-000000000001", "no", "qcow2", "encrypt.format=luks,encrypt.iter-time=50,encrypt.key-secret=k", "qcow2"},
		{"vdb", "6a1f9e5e-90a5-4d9c-a1ff-000000000002", "no", "luks", "iter-time=50,key-secret=k", "raw"},
		{"vdc", "6a1f9e5e-90a5-4d9c-a1ff-000000000003", "yes", "luks", "iter-time=50,key-secret=k", "raw"},
	} {
		xml, image := filepath.Join(h.Dir, s.target+".xml"), filepath.Join(h.Dir, "images", "vm-"+s.target+".qcow2")
		must(t, os.WriteFile(xml, []byte(strings.NewReplacer("PRIVATE", s.private, "UUID", s.uuid, "IMAGE", s.target).Replace(secretXML)), 0o600))
		h.Virsh("secret-define", xml)
		h.Virsh("secret-set-value", s.uuid, "--file", key, "--plain")
		if s.target == "vdc" {
			tool(t, "cp", filepath.Join(h.Dir, "images", "vm-vdb.qcow2"), image)
		} else {
			encrypt(t, "qemu-img", "create", "-q", "-f", s.format, "--object", "secret,id=k,file="+key, "-o", s.options, image, "4M")
		}
		devices += `<disk type="file" device="disk"><driver name="qemu" type="` + s.driver + `"/><source file="` + image + `">
			<encryption format="luks"><secret type="passphrase" uuid="` + s.uuid + `"/></encryption></source><target dev="` + s.target + `" bus="virtio"/></disk>`
	}
	b := benchOn(t, h, lab.Spec{Disks: []lab.Disk{}, Devices: devices})
	want := make([]byte, 4*mib)
	write := func(pattern byte, off, n int64) {
		b.dom.Write("vda", pattern, off, n)
		b.dom.Write("vdb", pattern, off, n)
		copy(want[off:], bytes.Repeat([]byte{pattern}, int(n)))
	}
	write(1, 0, 4*mib) // what was never written decrypts to noise
	full, err := b.run("full")
	must(t, err)
	write(2, 2*mib+512, 1000)
	b.dom.Virsh("destroy")
	m, err := b.run("inc")
	if err == nil || !strings.Contains(err.Error(), "disk vdc: open: encrypted, and libvirt does not tell the secret") || !strings.Contains(err.Error(), "private") {
		t.Errorf("a private secret: %v", err)
	}
	if m == nil {
		t.Fatal("no point")
	}
	m, err = b.repo.Point(t.Context(), m)
	must(t, err)
	for _, d := range m.Disks[:2] {
		if !bytes.Equal(stored(t, b.repo, m, d.Name), want) {
			t.Errorf("disk %s is not what the guest wrote: %+v", d.Name, d)
		}
	}
	if d := m.Disks[0]; d.Fallback != "" || d.Read > 64*kib || full.Disks[0].Tracking == "" {
		t.Errorf("%+v", d)
	}
}

// A chain of images is read through, a machine that its guest shut down is consistent, and one of a remote host is refused.
func TestOfflineOthers(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	b := benchOn(t, h, lab.Spec{Guest: true, Disks: []lab.Disk{{Target: "vda", Size: 32 * mib, Ext4: true}}})
	b.dom.Run("echo hello >/mnt/vda/file; sync; umount /mnt/vda; (sleep 0.1; poweroff -f) &")
	for end := time.Now().Add(time.Minute); b.dom.Virsh("domstate") != "shut off"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the guest does not power off: %s", b.dom.Virsh("domstate"))
		}
	}
	tool(t, "mv", b.image("vda"), b.image("vda")+".base")
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", b.image("vda")+".base", "-F", "qcow2", b.image("vda"))
	tool(t, "qemu-io", "-f", "qcow2", "-c", "write -P 9 20M 64k", b.image("vda"))
	b.o.Consistency = ingest.Application
	if m := b.take("full"); m.Consistency != ingest.Application || !slices.ContainsFunc(m.Hypervisor, func(s string) bool { return strings.HasPrefix(s, "libvirt-domain=") }) {
		t.Errorf("%s, %q", m.Consistency, m.Hypervisor)
	}
	remote, err := libvirt.Dial(t.Context(), h.SSH())
	must(t, err)
	defer remote.Close()
	_, err = New(remote, "vm", Options{}).Take(t.Context(), ingest.Wish{Level: "full"})
	if err == nil || err.Error() != "domain vm is shut off, and its images are on 127.0.0.1: start it, or run vbackup there" {
		t.Error(err)
	}
	h.Restart()
	if _, err := b.run("full"); err == nil || !strings.Contains(err.Error(), "nobody knows that the guest shut itself down") {
		t.Errorf("consistency that nobody knows of: %v", err)
	}
}
