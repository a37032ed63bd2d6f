//go:build cgo && !nolibnbd

package libvirt

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vbfs/ingest/mark"
	"vbfs/testdata/lab"
)

// A doubt is something that happens to a domain between a full point and an increment.
type doubt struct {
	name   string
	happen func(b *bench)
	a, b   string // part of why vda and vdb are read in full; "" is by increment
}

var doubts = []doubt{
	{"nothing", func(b *bench) {}, "", ""},
	{"started again", func(b *bench) { b.restart() }, "", ""},
	{"saved and restored", func(b *bench) {
		file := filepath.Join(b.host.Dir, b.dom.Name+".save")
		b.dom.Virsh("save", file)
		b.host.Virsh("restore", file, "--paused")
	}, "", ""},
	{"QEMU killed", func(b *bench) { b.host.KillQEMU(b.dom.Name); b.dom.Start() }, "bitmap", "bitmap"},
	{"QEMU killed later", func(b *bench) { b.restart(); b.host.KillQEMU(b.dom.Name); b.dom.Start() }, "bitmap", "bitmap"},
	{"checkpoint deleted", func(b *bench) { b.dom.Virsh("checkpoint-delete", b.ours()[0]) }, "not there any more", "not there any more"},
	{"checkpoint forgotten", func(b *bench) { b.dom.Virsh("checkpoint-delete", b.ours()[0], "--metadata") }, "not there any more", "not there any more"},
	{"checkpoint made anew", func(b *bench) {
		name := b.ours()[0]
		time.Sleep(1100 * time.Millisecond) // its time is in whole seconds
		b.dom.Virsh("checkpoint-delete", name)
		b.dom.Virsh("checkpoint-create-as", "--name", name)
	}, "another one of that name", "another one of that name"},
	{"bitmap removed", func(b *bench) { b.removeBitmap("vda", b.ours()[0]) }, "missing or broken bitmap", ""},
	{"resized", func(b *bench) { b.dom.Resize("vda", 5*mib) }, "size changed", ""},
	{"redefined", func(b *bench) {
		xml := filepath.Join(b.host.Dir, b.dom.Name+".again.xml")
		must(b.t, os.WriteFile(xml, []byte(b.dom.Virsh("dumpxml", "--inactive")), 0o600))
		b.dom.Virsh("destroy", "--graceful")
		b.dom.Virsh("undefine", "--checkpoints-metadata")
		b.host.Virsh("define", xml)
		b.dom.Start()
	}, "not there any more", "not there any more"},
	{"redefined with another UUID", func(b *bench) {
		b.dom.Virsh("destroy", "--graceful")
		b.dom.Virsh("undefine", "--checkpoints-metadata")
		b.dom.Define()
		b.dom.Start()
	}, "another domain", "another domain"},
	{"image copied", func(b *bench) {
		b.dom.Virsh("destroy", "--graceful")
		path := b.path("vda")
		b.tool("cp", path, path+".new")
		b.tool("mv", path+".new", path)
		b.dom.Start()
	}, "the disk was", ""},
	{"image overwritten by one without a bitmap", func(b *bench) {
		b.dom.Virsh("destroy", "--graceful")
		path := b.path("vda")
		b.tool("qemu-img", "create", "-q", "-f", "qcow2", path+".new", "4M")
		b.tool("qemu-io", "-f", "qcow2", "-c", "write -P 9 1M 1M", path+".new")
		b.tool("sh", "-c", "cat "+path+".new >"+path)
		b.dom.Start()
	}, "bitmap", ""},
	{"snapshot inside the image", func(b *bench) {
		b.dom.Virsh("destroy", "--graceful")
		b.tool("qemu-img", "snapshot", "-c", "s", b.path("vda"))
		b.dom.Start()
	}, "snapshots inside", ""},
	{"disks swapped", func(b *bench) {
		b.dom.Virsh("destroy", "--graceful")
		a, c := b.path("vda"), b.path("vdb")
		b.tool("sh", "-c", fmt.Sprintf("mv %s x && mv %s %s && mv x %s", a, c, a, c))
		b.dom.Start()
	}, "size changed", "size changed"},
	{"detached and attached", func(b *bench) {
		xml := filepath.Join(b.host.Dir, b.dom.Name+".vdb.xml")
		must(b.t, os.WriteFile(xml, fmt.Appendf(nil, `<disk type="file"><driver name="qemu" type="qcow2" discard="unmap"/><source file="%s"/><target dev="vdb" bus="virtio"/></disk>`, b.path("vdb")), 0o600))
		b.dom.Virsh("detach-disk", "vdb", "--config")
		b.restart()
		b.dom.Virsh("attach-device", xml, "--config")
		b.restart()
	}, "", ""},
}

// restart ends the domain as an orderly shutdown does, and starts it.
func (b *bench) restart() {
	b.t.Helper()
	b.dom.Virsh("destroy", "--graceful")
	b.dom.Start()
}

func (b *bench) tool(name string, args ...string) {
	b.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = b.host.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

// path is where a disk lies.
func (b *bench) path(target string) string {
	b.t.Helper()
	for line := range strings.Lines(b.dom.Virsh("domblklist")) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == target {
			return f[1]
		}
	}
	b.t.Fatalf("no disk %s", target)
	return ""
}

// bitmaps are those of ours that QEMU has.
func (b *bench) bitmaps() []string {
	b.t.Helper()
	return regexp.MustCompile(mark.Prefix(b.repo.ID())+"[0-9a-f]{32}").FindAllString(b.dom.Virsh("qemu-monitor-command", `{"execute":"query-block"}`), -1)
}

// removeBitmap goes behind libvirt's back.
func (b *bench) removeBitmap(target, name string) {
	b.t.Helper()
	out := b.dom.Virsh("dumpxml")
	_, after, _ := strings.Cut(out, "<source file='"+b.path(target)+"' index='")
	index, _, _ := strings.Cut(after, "'")
	out = b.dom.Virsh("qemu-monitor-command", fmt.Sprintf(`{"execute":"block-dirty-bitmap-remove","arguments":{"node":"libvirt-%s-format","name":"%s"}}`, index, name))
	if strings.Contains(out, "error") {
		b.t.Fatal(out)
	}
}

// Whatever happens between two points, the second is what the disks hold; those that are in doubt, and no others, are read
// in full, and the point says why.
func TestDoubts(t *testing.T) {
	t.Parallel()
	host := lab.Start(t)
	for i, d := range doubts {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			b := benchOn(t, host, lab.Spec{Name: fmt.Sprint("doubt", i)})
			b.dom.Write("vda", 1, 0, 3*mib)
			b.dom.Write("vdb", 2, 100, 1*mib)
			_, err := b.run("full")
			must(t, err)
			b.dom.Write("vda", 3, 1*mib, 64*kib)
			d.happen(b)
			b.dom.Zero("vda", 1*mib-64*kib, 64*kib)
			b.dom.Discard("vdb", 128*kib, 128*kib)
			m := b.take("auto")
			for target, why := range map[string]string{"vda": d.a, "vdb": d.b} {
				if got := disk(t, m, target).Fallback; (got == "") != (why == "") || !strings.Contains(got, why) {
					t.Errorf("%s: fallback %q, not %q", target, got, why)
				}
			}
			b.restart() // so that images have the bitmaps that are left
			b.dom.Write("vdb", 4, 1*mib, 512)
			m = b.take("auto")
			for _, name := range b.bitmaps() {
				if !slices.Contains(b.ours(), name) {
					t.Errorf("bitmap %s is of no checkpoint", name)
				}
			}
			for _, d := range m.Disks {
				if d.Fallback != "" && !strings.Contains(d.Fallback, "snapshots inside") {
					t.Errorf("then %s: fallback %q", d.Name, d.Fallback)
				}
			}
		})
	}
}
