package vmware_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/hyper/vmx"
	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/targettest"
	"vbfs/restore/vmware"
	"vbfs/testdata/vsim"
)

// TestFolder restores a recorded machine in each format, with its IDs and as another one.
func TestFolder(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	s := newSource(t, h, "web [1] ü")
	for _, kind := range []string{"flat", "thin", "2gbsparse"} {
		dir := t.TempDir()
		r, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir, Format: kind, Verify: true})
		if err != nil {
			t.Fatal(err)
		}
		holds(t, dir, "web [1] ü")
		at := filepath.Join(dir, "web [1] ü")
		data := map[bool]string{true: "-s001", false: "-flat"}[kind == "2gbsparse"]
		holds(t, at, "web [1] ü"+data+".vmdk", "web [1] ü.nvram", "web [1] ü.vmdk", "web [1] ü.vmx", "web [1] ü_1"+data+".vmdk", "web [1] ü_1.vmdk")
		reads(t, filepath.Join(at, "web [1] ü.vmdk"), s.want["scsi0-0"])
		reads(t, filepath.Join(at, "web [1] ü_1.vmdk"), s.want["scsi0-1"])
		if string(read(t, filepath.Join(at, "web [1] ü.nvram"))) != string(nvram) {
			t.Error("the NVRAM is another one")
		}
		f := config(t, filepath.Join(at, "web [1] ü.vmx"))
		if f.Text("displayName") != "web [1] ü" || f.Text("scsi0:0.fileName") != "web [1] ü.vmdk" || f.Text("scsi0:1.fileName") != "web [1] ü_1.vmdk" ||
			f.Text("nvram") != "web [1] ü.nvram" || f.Get("uuid.bios") == "" || f.Get("firmware") != "efi" {
			t.Errorf("%s", f.Marshal())
		}
		text := string(read(t, filepath.Join(at, "web [1] ü_1.vmdk")))
		if !strings.Contains(text, `ddb.uuid = "60 00 C2 9b 01"`) || strings.Contains(text, "thinProvisioned") != (kind == "thin") {
			t.Errorf("%s: %s", kind, text)
		}
		if r.UUID == "" || r.Name != "web [1] ü" || len(r.Disks) != 2 || r.Disks[1].Path != filepath.Join(at, "web [1] ü_1.vmdk") || r.Disks[0].Written != 5<<20 {
			t.Errorf("%+v", r)
		}
		r, err = vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir, Format: kind, Name: "a/b:c"})
		if err != nil {
			t.Fatal(err)
		}
		f = config(t, filepath.Join(dir, "a_b_c", "a_b_c.vmx"))
		if r.UUID != "" || f.Text("displayName") != "a/b:c" || f.Get("uuid.bios") != "" || f.Get("ethernet0.address") != "" {
			t.Errorf("%+v, %s", r, f.Marshal())
		}
		if strings.Contains(string(read(t, filepath.Join(dir, "a_b_c", "a_b_c.vmdk"))), "ddb.uuid") {
			t.Error("another machine's disk has the recorded UUID")
		}
	}
}

func config(t *testing.T, path string) *vmx.File {
	t.Helper()
	f, err := vmx.Parse(read(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const recordedVMX = `.encoding = "UTF-8"
config.version = "8"
displayName = "old"
uuid.bios = "56 4d 12 34 56 78 9a bc-de f0 12 34 56 78 9a bc"
uuid.location = "56 4d 12 34 56 78 9a bc-de f0 12 34 56 78 9a bd"
nvram = "elsewhere.nvram"
ethernet0.addressType = "generated"
ethernet0.generatedAddress = "00:0c:29:11:22:33"
scsi0:0.present = "TRUE"
SCSI0:0.fileName = "/vmfs/volumes/5f1c/old/old.vmdk"
scsi0:3.present = "TRUE"
scsi0:3.fileName = "gone.vmdk"
sata1:0.fileName = "data disk.vmdk"
ide1:0.fileName = "/vmfs/volumes/iso/d.iso"
guestinfo.mine = "kept"
`

// TestRecordedVMX keeps a recorded configuration but for what names files.
func TestRecordedVMX(t *testing.T) {
	t.Parallel()
	s := pointOf(t, "web01", map[string]int64{"scsi0-0": 1 << 20, "sata1-0": 1 << 20})
	s.Point.Configs = append(s.Point.Configs, format.ConfigFile{Kind: "vmx", Data: []byte(recordedVMX)})
	dir := t.TempDir()
	r, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := `.encoding = "UTF-8"
config.version = "8"
displayName = "web01"
uuid.bios = "56 4d 12 34 56 78 9a bc-de f0 12 34 56 78 9a bc"
ethernet0.addressType = "generated"
ethernet0.generatedAddress = "00:0c:29:11:22:33"
scsi0:0.present = "TRUE"
SCSI0:0.fileName = "web01.vmdk"
sata1:0.fileName = "web01_1.vmdk"
ide1:0.fileName = "/vmfs/volumes/iso/d.iso"
guestinfo.mine = "kept"
nvram = "web01.nvram"
`
	if got := string(read(t, filepath.Join(dir, "web01", "web01.vmx"))); got != want {
		t.Errorf("%s, not\n%s", got, want)
	}
	if r.UUID != "564d1234-5678-9abc-def0-123456789abc" || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "scsi0:3") {
		t.Errorf("%+v", r)
	}
	r, err = vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir, Name: "web01", Overwrite: true, IDs: machine.NewIDs})
	if err != nil {
		t.Fatal(err)
	}
	f := config(t, filepath.Join(dir, "web01", "web01.vmx"))
	if r.UUID != "" || f.Has("uuid.bios") || f.Has("ethernet0.generatedAddress") || r.Disks[0].How != machine.Replaced {
		t.Errorf("%+v: %s", r, f.Marshal())
	}
	holds(t, dir, "web01")
}

// TestReplaced refuses what would lose something, and leaves it as it is.
func TestReplaced(t *testing.T) {
	t.Parallel()
	s := pointOf(t, "web01", map[string]int64{"scsi0-0": 1 << 20})
	s.Point.Configs = append(s.Point.Configs, format.ConfigFile{Kind: "vmx", Data: []byte(recordedVMX)})
	for name, want := range map[string]error{
		"d.iso": vmware.ErrForeign, "web01.vmx.lck": machine.ErrRuns, "web01-1a2b3c4d.vswp": machine.ErrRuns, "web01-000001.vmdk": machine.ErrSnapshots,
		"web01-Snapshot1.vmsn": machine.ErrSnapshots, "web01-000001-delta.vmdk": machine.ErrSnapshots, "vmware-1.log": nil, "web01.vmsd": nil, "other.vmdk": nil,
	} {
		dir := t.TempDir()
		at := filepath.Join(dir, "web01")
		if err := errors.Join(os.Mkdir(at, 0o700), os.WriteFile(filepath.Join(at, name), []byte("old"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir}); !errors.Is(err, restore.ErrExists) {
			t.Errorf("without being told: %v", err)
		}
		holds(t, at, name)
		_, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir, Overwrite: true})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		holds(t, dir, "web01")
		if want != nil {
			holds(t, at, name)
		} else {
			holds(t, at, "web01-flat.vmdk", "web01.nvram", "web01.vmdk", "web01.vmx")
		}
	}
}

// TestFailures leave nothing.
func TestFailures(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	broken := errors.New("a block is damaged")
	for _, kind := range vmware.Formats() {
		for _, old := range []bool{false, true} {
			s := newSource(t, h, "web01"+kind+map[bool]string{true: "x"}[old])
			name := s.Point.MachineName
			dir := t.TempDir()
			var want []string
			if old {
				want = []string{name}
				if err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o700), os.WriteFile(filepath.Join(dir, name, "a.vmx"), nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			img := s.Disks[1].Image.(*targettest.Image)
			img.Fail = func(off, n int64) error { return broken }
			o := vmware.Options{Dir: dir, Format: kind, Overwrite: old}
			if _, err := vmware.New(t.Context(), s.Machine, o); !errors.Is(err, broken) || !strings.Contains(err.Error(), "scsi0-1") {
				t.Errorf("%s: %v", kind, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			img.Fail = func(off, n int64) error { cancel(); return nil }
			if _, err := vmware.New(ctx, s.Machine, o); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", kind, err)
			}
			holds(t, dir, want...)
			if old {
				holds(t, filepath.Join(dir, name), "a.vmx")
			}
		}
	}
}

func TestRefused(t *testing.T) {
	s := pointOf(t, "web01", map[string]int64{"scsi0-0": 1 << 20})
	dir := t.TempDir()
	if _, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir}); !errors.Is(err, machine.ErrNoDefinition) {
		t.Errorf("without a definition: %v", err)
	}
	s.Point.Configs = append(s.Point.Configs, format.ConfigFile{Kind: "vmx", Data: []byte("no configuration")})
	if _, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir}); !errors.Is(err, machine.ErrBadDefinition) {
		t.Errorf("a bad definition: %v", err)
	}
	if _, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir, Format: "qcow2"}); !errors.Is(err, restore.ErrUnsupported) {
		t.Errorf("qcow2: %v", err)
	}
	s.Disks = nil
	if _, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir}); !errors.Is(err, machine.ErrNoDisk) {
		t.Errorf("no disk: %v", err)
	}
	holds(t, dir)
}

// TestVerified: what differs does not appear. The image changes once it was read, which is to the verifier as if the file had.
func TestVerified(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	for _, kind := range vmware.Formats() {
		s := newSource(t, h, "web01"+kind)
		img, reads := s.Disks[1].Image.(*targettest.Image), 0
		img.Fail = func(off, n int64) error {
			if off == 0 {
				if reads++; reads == 2 {
					img.Bytes[0] ^= 1
				}
			}
			return nil
		}
		dir := t.TempDir()
		if _, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir, Format: kind, Verify: true}); !errors.Is(err, restore.ErrMismatch) {
			t.Errorf("%s: %v", kind, err)
		}
		holds(t, dir)
	}
}

// TestStartedMeanwhile: a machine that is started while it is being replaced stays.
func TestStartedMeanwhile(t *testing.T) {
	t.Parallel()
	s := pointOf(t, "web01", map[string]int64{"scsi0-0": 1 << 20})
	s.Point.Configs = append(s.Point.Configs, format.ConfigFile{Kind: "vmx", Data: []byte(recordedVMX)})
	dir := t.TempDir()
	at := filepath.Join(dir, "web01")
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	s.Disks[0].Image.(*targettest.Image).Fail = func(off, n int64) error { return os.WriteFile(filepath.Join(at, "web01.vmx.lck"), nil, 0o600) }
	if _, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir, Overwrite: true}); !errors.Is(err, machine.ErrRuns) {
		t.Errorf("%v", err)
	}
	holds(t, dir, "web01")
	holds(t, at, "web01.vmx.lck")
}

const domainXML = `<domain type='kvm'><name>db01</name><uuid>c0ffee00-1111-2222-3333-444455556666</uuid><memory unit='MiB'>512</memory><vcpu>2</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>
<disk type='file' device='disk'><source file='/x/a.qcow2'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='disk'><source file='/x/b.qcow2'/><target dev='vdb' bus='virtio'/></disk>
<interface type='network'><mac address='52:54:00:11:22:33'/><source network='default'/><model type='virtio'/></interface></devices></domain>`

// TestLibvirts: a machine of libvirt's becomes one of VMware's.
func TestLibvirts(t *testing.T) {
	t.Parallel()
	s := pointOf(t, "db01", map[string]int64{"vda": 2 << 20, "vdb": 1 << 20})
	s.Point.Configs = append(s.Point.Configs, format.ConfigFile{Kind: "libvirt-domain", Data: []byte(domainXML)})
	dir := t.TempDir()
	r, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	f := config(t, filepath.Join(dir, "db01", "db01.vmx"))
	files := map[string]bool{}
	for key, value := range f.All() {
		files[value] = files[value] || strings.HasSuffix(key, ".fileName")
	}
	if f.Get("memSize") != "512" || f.Get("numvcpus") != "2" || !files["db01.vmdk"] || !files["db01_1.vmdk"] || f.Has("nvram") {
		t.Errorf("%s", f.Marshal())
	}
	if notes := strings.Join(r.Notes, "; "); !strings.Contains(notes, "NVRAM") || strings.Contains(notes, "not part of the machine") {
		t.Error(notes)
	}
	reads(t, filepath.Join(dir, "db01", "db01.vmdk"), s.want["vda"])
	reads(t, filepath.Join(dir, "db01", "db01_1.vmdk"), s.want["vdb"])
	if _, err := vmware.New(t.Context(), s.Machine, vmware.Options{Dir: dir, Name: "packed", Format: "streamOptimized"}); err != nil {
		t.Fatal(err)
	}
	text := string(read(t, filepath.Join(dir, "packed", "packed.ovf")))
	if strings.Count(text, "<rasd:HostResource>ovf:/disk/disk") != 2 || !strings.Contains(text, "<rasd:Connection>default<") {
		t.Error(text)
	}
}
