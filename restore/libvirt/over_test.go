package libvirt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/hyper/qemu"
	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/libvirt"
	"vbfs/restore/machine"
	"vbfs/restore/nbd"
	"vbfs/testdata/lab"
)

const granule = restore.Granule

// TestHistories writes, zeroes and discards between points, with restarts, and goes back to each of the points in every way.
func TestHistories(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 3))
		repo := id()
		d := h.Domain(lab.Spec{Name: fmt.Sprint("vm", seed), Disks: []lab.Disk{
			{Target: "vda", Content: random(7 << 20), Size: 16 << 20}, {Target: "sda", Content: random(2 << 20), Size: 12<<20 + 512},
		}})
		d.Virsh("checkpoint-create-as", "foreign")
		var points []point
		for range 3 {
			points = append(points, take(t, d, repo, "vda", "sda"))
			change(d, rng)
		}
		d.Virsh("destroy")
		saved := save(t, h, d)
		for i, p := range points {
			for _, how := range []string{machine.ByBitmap, machine.Compared, machine.Replaced} {
				saved()
				o := libvirt.Options{Delta: how != machine.Replaced, Verify: i == 1}
				made, err := libvirt.Over(t.Context(), conn, without(p, how == machine.Compared), o)
				if err != nil {
					t.Fatalf("seed %d, point %d, %s: %v", seed, i, how, err)
				}
				whole(t, p, made)
				told(t, made, how)
				for _, since := range points {
					if how != machine.Replaced {
						dirty(t, since, made)
					}
				}
				list := d.Virsh("checkpoint-list", "--name")
				if kept := strings.Count(list, "vbfs-"); kept != 3 && how != machine.Replaced || kept != 0 && how == machine.Replaced || !strings.Contains(list, "foreign") {
					t.Errorf("after it was %s the domain has the checkpoints %s", how, list)
				}
			}
		}
		d.Start() // with images that have no bitmaps, and a checkpoint that has none
		d.Virsh("destroy")
	}
}

// change does what a guest does, and restarts the domain now and then.
func change(d *lab.Domain, rng *rand.Rand) {
	for range 1 + rng.IntN(6) {
		target, size := "vda", int64(16<<20)
		if rng.IntN(3) == 0 {
			target, size = "sda", 12<<20
		}
		off, n := rng.Int64N(size/512)*512, (1+rng.Int64N(600))*512
		n = min(n, size-off)
		switch rng.IntN(4) {
		case 0:
			d.Zero(target, off, n)
		case 1:
			d.Discard(target, off, n)
		default:
			d.Write(target, byte(1+rng.IntN(255)), off, n)
		}
	}
	if rng.IntN(2) == 0 {
		d.Virsh("destroy")
		d.Start()
	}
}

// save keeps a domain's images and checkpoints, and gives what puts them back in place.
func save(t *testing.T, h *lab.Host, d *lab.Domain) func() {
	t.Helper()
	dir := t.TempDir()
	images := filepath.Join(h.Dir, "images")
	run(t, "sh", "-c", fmt.Sprintf("cp %s/%s-* %s", images, d.Name, dir))
	var checkpoints []string
	for i, name := range strings.Fields(d.Virsh("checkpoint-list", "--name", "--topological")) {
		path := filepath.Join(dir, fmt.Sprint("checkpoint", i))
		if err := os.WriteFile(path, []byte(d.Virsh("checkpoint-dumpxml", name)), 0o600); err != nil {
			t.Fatal(err)
		}
		checkpoints = append(checkpoints, path)
	}
	return func() {
		t.Helper()
		run(t, "sh", "-c", fmt.Sprintf("cp %s/%s-* %s", dir, d.Name, images))
		left := strings.Fields(d.Virsh("checkpoint-list", "--name"))
		if len(left) == len(checkpoints) {
			return
		}
		for _, name := range left {
			d.Virsh("checkpoint-delete", name, "--metadata")
		}
		for _, path := range checkpoints {
			d.Virsh("checkpoint-create", path, "--redefine")
		}
	}
}

// without is the point, whose checkpoint nobody knows if that is so.
func without(p point, tracking bool) machine.Machine {
	m := p.Machine
	if tracking {
		point := *m.Point
		point.Disks = append(point.Disks[:0:0], point.Disks...)
		m.Point, m.Disks = &point, append(m.Disks[:0:0], m.Disks...)
		for i := range m.Disks {
			point.Disks[i].Tracking = ""
			m.Disks[i].Record = &point.Disks[i]
		}
	}
	return m
}

// told holds what is said against what was done.
func told(t *testing.T, made *machine.Result, how string) {
	t.Helper()
	for _, disk := range made.Disks {
		if disk.How != how {
			t.Errorf("disk %s was %s, not %s: %q", disk.Name, disk.How, how, made.Notes)
		}
		if how == machine.Replaced && disk.Written != disk.Size {
			t.Errorf("disk %s: %d bytes written of %d", disk.Name, disk.Written, disk.Size)
		}
	}
	if others := strings.Contains(fmt.Sprint(made.Notes), "foreign"); others != (how == machine.Replaced) {
		t.Errorf("%s: %q", how, made.Notes)
	}
}

// dirty checks that the bitmaps of a point tell of all that differs from it.
func dirty(t *testing.T, since point, made *machine.Result) {
	t.Helper()
	for i, disk := range made.Disks {
		record := since.Disks[i].Record
		server, err := qemu.Serve(t.Context(), qemu.Image{Path: disk.Path, Format: "qcow2"}, qemu.ServeOptions{Bitmaps: []string{record.Tracking}})
		if err != nil {
			t.Fatal(err)
		}
		target, err := nbd.Connect(t.Context(), server.URI(), nbd.Options{Bitmap: record.Tracking})
		if err != nil {
			t.Fatal(err)
		}
		marks, err := target.Dirty(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		now, was := make([]byte, record.Size), since.bytes(i)
		if _, err := target.ReadAt(now, 0); err != nil {
			t.Fatal(err)
		}
		target.Close()
		server.Close()
		for off := int64(0); off < record.Size; off += granule {
			if end := min(off+granule, record.Size); !marks.Has(off) && !bytes.Equal(now[off:end], was[off:end]) {
				t.Fatalf("%s differs at %d, which its bitmap calls unchanged", disk.Name, off)
			}
		}
	}
}

// TestDistrust goes back by bitmaps that do not tell the truth, or may not.
func TestDistrust(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	for name, spoil := range map[string]func(d *lab.Domain, path, bitmap string, p *point){
		"killed": func(d *lab.Domain, _, _ string, _ *point) { d.Start(); d.Write("vda", 7, 0, 4096); h.KillQEMU(d.Name) },
		"lies": func(_ *lab.Domain, path, bitmap string, _ *point) {
			run(t, "qemu-img", "bitmap", "--clear", path, bitmap)
		},
		"disabled": func(_ *lab.Domain, path, bitmap string, _ *point) {
			run(t, "qemu-img", "bitmap", "--disable", path, bitmap)
		},
		"gone": func(_ *lab.Domain, path, bitmap string, _ *point) {
			run(t, "qemu-img", "bitmap", "--remove", path, bitmap)
		},
		"another's":      func(_ *lab.Domain, _, _ string, p *point) { p.Point.Point = id() },
		"a carried disk": func(_ *lab.Domain, _, _ string, p *point) { p.Point.Disks[0].State = format.DiskCarried },
		"based on another": func(d *lab.Domain, path, _ string, _ *point) {
			run(t, "mv", path, path+".base")
			run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", path+".base", path)
			run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 9 1M 1M", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := h.Domain(lab.Spec{Name: strings.ReplaceAll(name, " ", ""), Disks: []lab.Disk{{Target: "vda", Content: random(4 << 20)}}})
			p := take(t, d, id(), "vda")
			d.Write("vda", 3, 0, 4<<20)
			d.Virsh("destroy")
			path := filepath.Join(h.Dir, "images", d.Name+"-vda.qcow2")
			spoil(d.As(t), path, p.Point.Disks[0].Tracking, &p)
			made, err := libvirt.Over(t.Context(), conn, p.Machine, libvirt.Options{Delta: true})
			if err != nil {
				t.Fatal(err)
			}
			whole(t, p, made)
			if made.Disks[0].How != machine.Compared || !strings.Contains(fmt.Sprint(made.Notes), "vda is compared as a whole: ") {
				t.Errorf("%+v", made)
			}
			t.Log(made.Notes)
		})
	}
}

// TestInPlace restores to a block device, and to an image that is based on another.
func TestInPlace(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	content := random(4 << 20)
	d := h.Domain(lab.Spec{Name: "dev", Off: true, Disks: []lab.Disk{{Target: "vda", Content: content, Format: "raw", Loop: true}, {Target: "vdb", Content: content}}})
	p := take(t, d, id(), "vda", "vdb")
	vdb := filepath.Join(h.Dir, "images", "dev-vdb.qcow2")
	run(t, "mv", vdb, vdb+".base")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", vdb+".base", vdb)
	d.Start()
	d.Write("vda", 5, 0, 4<<20)
	d.Write("vdb", 5, 1<<20, 1<<20)
	d.Virsh("destroy")
	m := p.Machine
	m.Disks[0].Image = &image{bytes: content, fail: errors.New("damaged")}
	if _, err := libvirt.Over(t.Context(), conn, m, libvirt.Options{}); err == nil {
		t.Error("a damaged image was restored")
	}
	m.Disks[0].Image = &image{bytes: content}
	made, err := libvirt.Over(t.Context(), conn, m, libvirt.Options{Verify: true})
	if err != nil || made.Disks[0].How != machine.InPlace || made.Disks[1].How != machine.InPlace {
		t.Fatalf("%+v, %v", made, err)
	}
	whole(t, p, made)
}

// TestThin writes much less than there was, into the image as it is: the space comes back.
func TestThin(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	d := h.Domain(lab.Spec{Name: "thin", Off: true, Disks: []lab.Disk{{Target: "vda", Content: random(1 << 20), Size: 16 << 20}}})
	p := take(t, d, id(), "vda")
	for _, delta := range []bool{true, false} {
		run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 9 0 16M", imageOf(d, "vda"))
		made, err := libvirt.Over(t.Context(), conn, p.Machine, libvirt.Options{Delta: delta})
		if err != nil {
			t.Fatal(err)
		}
		whole(t, p, made)
		if n := allocated(t, imageOf(d, "vda"), "qcow2"); n > 1<<20 {
			t.Errorf("delta %v: %d bytes are allocated", delta, n)
		}
	}
}

// TestOverFails leaves a machine that is not to be touched as it is, and one that was being restored, too.
func TestOverFails(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	conn := dial(t, h)
	broken := errors.New("a block is damaged")
	for name, c := range map[string]struct {
		o     libvirt.Options
		spoil func(t *testing.T, d *lab.Domain, m *machine.Machine) (undo func())
		want  error
		half  bool

		starts bool // without firmware, whose variables are none
		early  bool // it is spoiled while it is restored
	}{
		"paused": {spoil: func(_ *testing.T, d *lab.Domain, _ *machine.Machine) func() {
			d.Start()
			return func() { d.Virsh("destroy") }
		}, want: machine.ErrRuns, starts: true},
		"saved": {spoil: func(_ *testing.T, d *lab.Domain, _ *machine.Machine) func() {
			d.Start()
			d.Virsh("managedsave")
			return func() { d.Virsh("managedsave-remove") }
		}, want: machine.ErrSnapshots, starts: true},
		"snapshot": {spoil: func(_ *testing.T, d *lab.Domain, _ *machine.Machine) func() {
			d.Virsh("snapshot-create-as", "s")
			return func() { d.Virsh("snapshot-delete", "s") }
		}, want: machine.ErrSnapshots, starts: true},
		"snapshot inside": {spoil: func(t *testing.T, d *lab.Domain, _ *machine.Machine) func() {
			run(t, "qemu-img", "snapshot", "-c", "s", imageOf(d, "vda"))
			return func() { run(t, "qemu-img", "snapshot", "-d", "s", imageOf(d, "vda")) }
		}, want: machine.ErrSnapshots},
		"other size": {spoil: func(_ *testing.T, _ *lab.Domain, m *machine.Machine) func() {
			m.Disks[1].Record.Size += 512
			return func() {}
		}, want: machine.ErrOther},
		"no disk": {spoil: func(_ *testing.T, _ *lab.Domain, m *machine.Machine) func() {
			m.Disks[1].Record.Name = "vdz"
			return func() {}
		}, want: machine.ErrOther},
		"in use":        {spoil: func(t *testing.T, d *lab.Domain, _ *machine.Machine) func() { return writer(t, imageOf(d, "vdb")) }},
		"in use, delta": {o: libvirt.Options{Delta: true}, spoil: func(t *testing.T, d *lab.Domain, _ *machine.Machine) func() { return writer(t, imageOf(d, "vdb")) }},
		"damaged": {spoil: func(_ *testing.T, _ *lab.Domain, m *machine.Machine) func() {
			m.Disks[1].Image = &image{m.Disks[1].Image.(*image).bytes, broken}
			return func() {}
		}, want: broken},
		"mismatch": {o: libvirt.Options{Verify: true}, spoil: func(_ *testing.T, _ *lab.Domain, m *machine.Machine) func() {
			m.Disks[0].Image = &fickle{image: *m.Disks[0].Image.(*image)}
			return func() {}
		}, want: restore.ErrMismatch},
		"started meanwhile": {spoil: func(t *testing.T, d *lab.Domain, m *machine.Machine) func() {
			tried := false
			m.Disks[0].Image = &fickle{image: image{m.Disks[0].Image.(*image).bytes, broken}, at: 1, then: func() {
				tried = true
				if out, err := h.TryVirsh("start", d.Name, "--paused"); err == nil || !strings.Contains(err.Error(), `"write" lock`) {
					t.Errorf("a machine starts while it is restored: %s %v", out, err)
				}
			}}
			return func() {
				if !tried {
					t.Error("the image was not read")
				}
			}
		}, want: broken, starts: true},
		"NVRAM is a directory": {spoil: func(t *testing.T, d *lab.Domain, m *machine.Machine) func() {
			run(t, "sh", "-c", "mv "+d.NVRAM()+" "+d.NVRAM()+"- && mkdir "+d.NVRAM())
			return func() { run(t, "sh", "-c", "rmdir "+d.NVRAM()+" && mv "+d.NVRAM()+"- "+d.NVRAM()) }
		}},
		"last image cannot be replaced": {spoil: func(t *testing.T, d *lab.Domain, m *machine.Machine) func() {
			vdb := imageOf(d, "vdb")
			m.Disks[0].Image = &fickle{image: *m.Disks[0].Image.(*image), at: 1, then: func() {
				run(t, "sh", "-c", "mv "+vdb+" "+vdb+"- && mkdir -p "+vdb+"/x")
			}}
			return func() { run(t, "sh", "-c", "rm -r "+vdb+" && mv "+vdb+"- "+vdb) }
		}, early: true},
		"delta, damaged": {o: libvirt.Options{Delta: true}, spoil: func(_ *testing.T, _ *lab.Domain, m *machine.Machine) func() {
			m.Disks[0].Image = &late{image{m.Disks[0].Image.(*image).bytes, broken}}
			return func() {}
		}, want: broken, half: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := h.Domain(lab.Spec{Name: strings.NewReplacer(" ", "", ",", "").Replace(name), Off: true, UEFI: !c.starts, Disks: []lab.Disk{{Target: "vda", Content: random(4 << 20)}, {Target: "vdb", Content: random(3 << 20)}}}).As(t)
			p := take(t, d, id(), "vda", "vdb")
			p.Point.Configs = append(p.Point.Configs, config("nvram", "of the point"))
			run(t, "sh", "-c", "echo now >"+d.NVRAM())
			for _, target := range []string{"vda", "vdb"} {
				run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 9 1M 1M", imageOf(d, target))
			}
			undo := c.spoil(t, d, &p.Machine)
			before := sums(t, d)
			_, err := libvirt.Over(t.Context(), conn, p.Machine, c.o)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || errors.Is(err, machine.ErrHalf) != c.half {
				t.Errorf("%v", err)
			}
			t.Log(err)
			if c.early {
				undo()
				undo = func() {}
			}
			if after := sums(t, d); !c.half && after != before {
				t.Errorf("%s\nbefore it was\n%s", after, before)
			}
			undo()
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		d := h.Domain(lab.Spec{Name: "interrupted", Off: true, Disks: []lab.Disk{{Target: "vda", Content: random(8 << 20)}}}).As(t)
		p := take(t, d, id(), "vda")
		run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 9 0 8M", imageOf(d, "vda"))
		before := sums(t, d)
		for _, delta := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			m := p.Machine
			m.Disks = append(m.Disks[:0:0], m.Disks...)
			m.Disks[0].Image = &fickle{image: image{bytes: p.bytes(0)}, at: 5, then: cancel}
			if _, err := libvirt.Over(ctx, conn, m, libvirt.Options{Delta: delta, Workers: 1}); !errors.Is(err, context.Canceled) {
				t.Errorf("delta %v: %v", delta, err)
			}
			if after := sums(t, d); !delta && after != before {
				t.Errorf("%s\nbefore it was\n%s", after, before)
			}
		}
		made, err := libvirt.Over(t.Context(), conn, p.Machine, libvirt.Options{Delta: true})
		if err != nil {
			t.Fatal(err)
		}
		whole(t, p, made)
	})
}

func imageOf(d *lab.Domain, target string) string {
	return filepath.Join(d.Host.Dir, "images", d.Name+"-"+target+".qcow2")
}

// sums tells what the domain's files hold, and what is beside them.
func sums(t *testing.T, d *lab.Domain) string {
	t.Helper()
	return run(t, "sh", "-c", "cd "+filepath.Join(d.Host.Dir, "images")+"; ls -aR . ; find . -name '"+d.Name+"-*' -type f | xargs md5sum; cat "+d.NVRAM()+" 2>&1 || true") + d.Virsh("dumpxml")
}

// writer has an image open for writing.
func writer(t *testing.T, path string) (end func()) {
	t.Helper()
	cmd := exec.Command("qemu-io", "-f", "qcow2", path)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, "read 0 512")
	for seen, b := "", make([]byte, 100); !strings.Contains(seen, "read 512"); {
		n, err := out.Read(b)
		if seen += string(b[:n]); err != nil {
			t.Fatal(seen, err)
		}
	}
	return func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// A late image fails when it was read for a while.
type late struct{ image }

func (l *late) ReadAt(p []byte, off int64) (int, error) {
	if off > 2<<20 {
		return 0, l.fail
	}
	return (&image{bytes: l.bytes}).ReadAt(p, off)
}
