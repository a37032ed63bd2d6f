package libvirt_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore"
	"vbfs/restore/libvirt"
	"vbfs/restore/machine"
	"vbfs/testdata/lab"
)

// A far host is reached by ssh and by TLS, and its pool is a directory that the test sees.
type far struct {
	*lab.Host
	ssh, tls *hyper.Conn
	pool     string
}

func newFar(t *testing.T) *far {
	t.Helper()
	f := &far{Host: lab.Start(t)}
	ssh, tls := f.SSH(), f.TLS() // which restarts the daemon
	f.ssh, f.tls = dialURI(t, ssh), dialURI(t, tls)
	f.pool = filepath.Join(f.Dir, "pool")
	f.Virsh("pool-create-as", "fast", "dir", "--target", f.pool, "--build")
	return f
}

func dialURI(t *testing.T, uri string) *hyper.Conn {
	t.Helper()
	conn, err := hyper.Dial(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if !conn.Remote() {
		t.Fatalf("%s is not remote", uri)
	}
	return conn
}

// bootable is a machine with a disk that says a line when the machine starts from it.
func bootable(t *testing.T, h *lab.Host, s lab.Spec) (*lab.Domain, string) {
	t.Helper()
	const line = "from afar"
	disk := random(9 << 20)
	copy(disk, lab.BootSector(line))
	s.Off = true
	s.Disks = append([]lab.Disk{{Target: "vda", Content: disk, Size: 48<<20 + 512}}, s.Disks...)
	return h.Domain(s), line
}

// TestRemote brings a machine back on another host, by both transports, in both formats; it starts there.
func TestRemote(t *testing.T) {
	t.Parallel()
	f := newFar(t)
	d, line := bootable(t, f.Host, lab.Spec{Name: "web01", Disks: []lab.Disk{{Target: "vdb", Content: random(3 << 20), Size: 33<<20 + 777, Format: "raw"}}})
	p := take(t, d, id(), "vda", "vdb")
	p.Point.Disks[1].Source = "raw"
	for name, c := range map[string]struct {
		conn *hyper.Conn
		o    libvirt.Options
	}{
		"ssh":   {f.ssh, libvirt.Options{Storage: "fast", Verify: true}},
		"tls":   {f.tls, libvirt.Options{Storage: f.pool + "/", Verify: true, Workers: 1}},
		"raw":   {f.ssh, libvirt.Options{Storage: "fast", Format: "raw", Verify: true}},
		"qcow2": {f.tls, libvirt.Options{Storage: "fast", Format: "qcow2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.o.Name = name
			c.o.Progress = new(machine.Progress)
			seen := c.o
			seen.Foresee = true
			foreseen := bring(t, c.conn, p, seen)
			made := bring(t, c.conn, p, c.o)
			whole(t, p, made)
			for i, d := range made.Disks {
				was := foreseen.Disks[i]
				if d.Path != filepath.Join(f.pool, name+"-"+d.Name+"."+d.Format) || was.Path != d.Path || c.o.Format != "" && d.Format != c.o.Format {
					t.Errorf("%+v, and it was foreseen as %+v", d, was)
				}
				if is := allocated(t, d.Path, d.Format); is > d.Data+640<<10 {
					t.Errorf("%s: %d bytes are allocated, of %d", d.Path, is, d.Data)
				}
				f.known(t, d)
			}
			f.As(t).Boots(name, line)
		})
	}
}

// known waits until the pool knows an image's format: while others write to it, it does not look.
func (f *far) known(t *testing.T, d machine.Restored) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		xml := f.Virsh("vol-dumpxml", d.Path)
		if strings.Contains(xml, "<format type='"+d.Format+"'/>") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the pool knows it as %s", xml)
		}
	}
}

// TestRemoteRich brings back what a machine has beside its disks, and tells what cannot be seen of another host.
func TestRemoteRich(t *testing.T) {
	t.Parallel()
	f := newFar(t)
	iso := filepath.Join(f.pool, "tools.iso")
	touch(t, iso)
	touch(t, filepath.Join(f.Dir, "other.iso"))
	f.Virsh("pool-refresh", "fast")
	d := f.Domain(lab.Spec{Name: "web01", Off: true, UEFI: true, TPM: true, Disks: []lab.Disk{
		{Target: "sda", Content: random(1 << 20)},
		{Target: "sdb", CDROM: true, Path: iso, Format: "raw"}, {Target: "sdc", CDROM: true, Path: filepath.Join(f.Dir, "other.iso"), Format: "raw"},
	}, Devices: "<interface type='bridge'><source bridge='br7'/></interface>"})
	p := take(t, d, id(), "sda")
	vars := read(t, "/usr/share/OVMF/OVMF_VARS_4M.fd")
	p.Point.Configs = append(p.Point.Configs, config("nvram", vars), config("tpm", ""), config("loader", "of another host"))
	made := bring(t, f.ssh, p, libvirt.Options{Name: "web02", Storage: "fast", Verify: true})
	whole(t, p, made)
	xml := f.Virsh("dumpxml", "web02")
	for _, want := range []string{f.pool + "/web02_VARS.fd", iso, "other.iso' startupPolicy='optional'", "/usr/share/OVMF/OVMF_CODE"} {
		if !strings.Contains(xml, want) {
			t.Errorf("no %s in %s", want, xml)
		}
	}
	if read(t, f.pool+"/web02_VARS.fd") != vars {
		t.Error("another NVRAM")
	}
	all := strings.Join(made.Notes, "\n")
	for _, want := range []string{"the bridge br7, which cannot be seen", "other.iso, cannot be seen", "TPM is not put back"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %s", want, all)
		}
	}
	if strings.Contains(all, "emulator") || strings.Contains(all, "tools.iso") {
		t.Error(all)
	}
	f.Virsh("undefine", "--nvram", "web02")

	p.Point.Configs[0].Data = []byte(strings.ReplaceAll(string(p.Point.Configs[0].Data), "/usr/share/OVMF/OVMF_CODE", "/elsewhere/CODE"))
	made = bring(t, f.tls, p, libvirt.Options{Name: "web03", Storage: "fast"})
	loader := f.Virsh("dumpxml", made.Name)
	_, loader, _ = strings.Cut(loader, "<loader")
	loader, _, _ = strings.Cut(loader[strings.Index(loader, ">")+1:], "<")
	if filepath.Dir(loader) != f.pool || read(t, loader) != "of another host" {
		t.Errorf("its loader is %s", loader)
	}
}

// TestRemoteFails at every step: nothing is left, and nothing that was there is touched.
func TestRemoteFails(t *testing.T) {
	t.Parallel()
	f := newFar(t)
	d := f.Domain(lab.Spec{Name: "web01", Off: true, UEFI: true, Disks: []lab.Disk{{Target: "vda", Content: random(2 << 20)}, {Target: "vdb", Content: random(5 << 20)}}})
	p := take(t, d, id(), "vda", "vdb")
	p.Point.Configs = append(p.Point.Configs, config("nvram", "vars"))
	touch(t, f.pool+"/taken-vdb.qcow2")
	touch(t, f.pool+"/file-vdb.raw")
	small := filepath.Join(f.Dir, "small")
	f.Do("mkdir " + small + " && mount -t tmpfs -o size=3m none " + small)
	f.Virsh("pool-create-as", "small", "dir", "--target", small)
	f.Virsh("pool-define-as", "asleep", "dir", "--target", f.Dir+"/asleep")
	broken := errors.New("a block is damaged")
	before := listing(t, f.Host, f.pool)

	for name, c := range map[string]struct {
		o     libvirt.Options
		spoil func(m *machine.Machine)
		want  error
	}{
		"name taken":    {libvirt.Options{Name: "web01", Storage: "fast"}, nil, machine.ErrExists},
		"no pool there": {libvirt.Options{Name: "web02", Storage: f.Dir}, nil, machine.ErrNoStorage},
		"not absolute":  {libvirt.Options{Name: "web02", Storage: "./pool"}, nil, machine.ErrNoStorage},
		"no pool":       {libvirt.Options{Name: "web02", Storage: "slow"}, nil, machine.ErrNoStorage},
		"pool asleep":   {libvirt.Options{Name: "web02", Storage: "asleep"}, nil, machine.ErrNoStorage},
		"nothing named": {libvirt.Options{Name: "web02"}, nil, machine.ErrNoStorage},
		"volume there":  {libvirt.Options{Name: "taken", Storage: "fast"}, nil, restore.ErrExists},
		"foreseen":      {libvirt.Options{Name: "taken", Storage: "fast", Foresee: true}, nil, restore.ErrExists},
		"no room":       {libvirt.Options{Name: "web02", Storage: "small"}, nil, restore.ErrNoSpace},
		"room that goes": {libvirt.Options{Name: "web02", Storage: "small"}, func(m *machine.Machine) {
			m.Disks[0].Amount, m.Disks[1].Amount = restore.Amount{}, restore.Amount{}
		}, nil},
		"damaged image": {libvirt.Options{Name: "web02", Storage: "fast"}, func(m *machine.Machine) { m.Disks[1].Image = &image{p.bytes(1), broken} }, broken},
		"libvirt refuses": {libvirt.Options{Name: "web02", Storage: "fast"}, func(m *machine.Machine) {
			m.Point.Configs[0].Data = []byte(strings.ReplaceAll(string(m.Point.Configs[0].Data), "type='qemu'", "type='vmware'"))
		}, nil},
		"mismatch": {libvirt.Options{Name: "web02", Storage: "fast", Verify: true}, func(m *machine.Machine) {
			m.Disks[0].Image = &fickle{image: image{bytes: p.bytes(0)}}
		}, restore.ErrMismatch},
		"mismatch of raw": {libvirt.Options{Name: "web02", Storage: "fast", Format: "raw", Verify: true}, func(m *machine.Machine) {
			m.Disks[0].Image = &fickle{image: image{bytes: p.bytes(0)}}
		}, restore.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			m := p.Machine
			point := *m.Point
			point.Configs = append(point.Configs[:0:0], point.Configs...)
			m.Point, m.Disks = &point, append(m.Disks[:0:0], m.Disks...)
			if c.spoil != nil {
				c.spoil(&m)
			}
			made, err := libvirt.New(t.Context(), f.tls, m, c.o)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%+v, %v", made, err)
			}
			t.Log(err)
			f.unchanged(t, before)
		})
	}
	for _, after := range []int{1, 3, 8} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := libvirt.New(ctx, f.ssh, meddled(p, after, cancel), libvirt.Options{Name: "web02", Storage: "fast", Verify: true})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d reads: %v", after, err)
		}
		f.unchanged(t, before)
	}
	_, err := libvirt.New(t.Context(), f.tls, meddled(p, 2, f.Restart), libvirt.Options{Name: "web02", Storage: f.pool})
	if err == nil {
		t.Error("the daemon was gone, and nobody noticed")
	}
	t.Log(err)
	f.unchanged(t, before)
	if _, err := libvirt.Over(t.Context(), f.ssh, p.Machine, libvirt.Options{}); !errors.Is(err, libvirt.ErrRemote) {
		t.Errorf("over: %v", err)
	}
}

// meddled has something happen at one of the reads of the second disk.
func meddled(p point, at int, then func()) machine.Machine {
	m := p.Machine
	m.Disks = append(m.Disks[:0:0], m.Disks...)
	m.Disks[1].Image = &fickle{image: image{bytes: p.bytes(1)}, at: at, then: then}
	return m
}

// unchanged tells what came to be of what was listed before, for libvirt and in truth.
func (f *far) unchanged(t *testing.T, before string) {
	t.Helper()
	if after := listing(t, f.Host, f.pool); after != before {
		t.Errorf("%s\nbefore it was\n%s", after, before)
	}
	entries, err := os.ReadDir(filepath.Join(f.Dir, "small"))
	if err != nil || len(entries) > 0 {
		t.Errorf("%v %v", entries, err)
	}
}
