package vsim

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// nbdkit runs the double with a command on its socket, as $uri, and returns what that printed, or what nbdkit said.
func (v VDDK) nbdkit(t *testing.T, password, run string, args ...string) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() { fmt.Fprintln(w, password); w.Close() }()
	cmd := exec.Command("nbdkit", append([]string{"-U", "-", "--run", run, v.Plugin, "password=-3"}, args...)...)
	cmd.ExtraFiles = []*os.File{r}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err = cmd.Run(); err != nil {
		return said.String(), err
	}
	return out.String(), nil
}

func (m *Machine) vddkArguments(v VDDK, snapshot *types.ManagedObjectReference, file string) []string {
	args := []string{"libdir=" + v.LibDir, "server=" + m.h.URL().Hostname(), "port=" + m.h.URL().Port(), "user=" + m.h.User(),
		"thumbprint=" + m.h.Thumbprint(), "vm=moref=" + m.Ref().Value, "file=" + file}
	if snapshot != nil {
		args = append(args, "snapshot="+snapshot.Value)
	}
	return args
}

func TestVDDKReadsSnapshots(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	m := h.Add(Spec{Disks: []Disk{{Size: 4 << 20, Content: noise(1, 1<<20)}}})
	v := h.VDDK()
	dump, err := exec.Command("nbdkit", v.Plugin, "libdir="+v.LibDir, "--dump-plugin").Output()
	if err != nil || !strings.Contains(string(dump), "vddk_library_version=8\n") || !strings.Contains(string(dump), "vsim_test_double=1") {
		t.Fatalf("%v %s", err, dump)
	}
	if dump, err = exec.Command("nbdkit", v.Plugin, "--dump-plugin").Output(); err != nil || strings.Contains(string(dump), "library_version") {
		t.Fatalf("without a library: %v %s", err, dump)
	}
	first := m.Snapshot("a")
	m.Write("scsi0-0", 3<<20+1, noise(2, 1000))
	second := m.Snapshot("b")
	m.Write("scsi0-0", 0, noise(3, 4<<20))
	out := filepath.Join(t.TempDir(), "out")
	for _, s := range []struct {
		ref  types.ManagedObjectReference
		file string
		want []byte
	}{{first, "[fast] vm/vm.vmdk", append(noise(1, 1<<20), make([]byte, 3<<20)...)}, {second, "[fast] vm/vm-000001.vmdk", m.Frozen("scsi0-0")}} {
		if said, err := v.nbdkit(t, h.Password(), "nbdcopy --request-size=1048576 $uri "+out, append([]string{"-r"}, m.vddkArguments(v, &s.ref, s.file)...)...); err != nil {
			t.Fatal(err, said)
		}
		if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, s.want) {
			t.Errorf("snapshot %s: another content %v", s.ref.Value, err)
		}
	}
	args := append([]string{"-r"}, m.vddkArguments(v, &second, "[fast] vm/vm-000001.vmdk")...)
	info, err := v.nbdkit(t, h.Password(), "nbdinfo $uri; nbdinfo --map $uri", args...)
	if err != nil || !strings.Contains(info, "can_multi_conn: false") || !strings.Contains(info, "block_size_minimum: 512") {
		t.Errorf("%v %s", err, info)
	}
	if want := []string{"0 1048576 0 data", "1048576 2097152 3 hole,zero", "3145728 65536 0 data", "3211264 983040 3 hole,zero"}; !strings.Contains(strings.Join(strings.Fields(info), " "), strings.Join(want, " ")) {
		t.Errorf("map: %s, want %q", info, want)
	}
	if said, err := v.nbdkit(t, h.Password(), `/usr/bin/python3 -m nbd -u $uri -c 'h.pread(3<<20, 0)'`, args...); err == nil || !strings.Contains(said, "Failed to allocate") {
		t.Errorf("a read larger than NFC's buffer: %v %s", err, said)
	}
	if said, err := v.nbdkit(t, h.Password(), `/usr/bin/python3 -m nbd -u $uri -c 'h.set_strict_mode(0)' -c 'h.pread(100, 7)'`, args...); err == nil || !strings.Contains(said, "not aligned") {
		t.Errorf("a read across sectors: %v %s", err, said)
	}
}

func TestVDDKWritesMachinesThatAreOff(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	v := h.VDDK()
	m := h.Add(Spec{CBT: true, Disks: []Disk{{Size: 1 << 20, Content: noise(1, 1<<20)}}})
	write := `/usr/bin/python3 -m nbd -u $uri -c 'h.pwrite(b"x"*512, 1024)' -c 'h.flush()'`
	args := m.vddkArguments(v, nil, "[fast] vm/vm.vmdk")
	if said, err := v.nbdkit(t, h.Password(), write, args...); err == nil || !strings.Contains(said, "lock") {
		t.Fatalf("a running machine's disk: %v %s", err, said)
	}
	m.PowerOff()
	if said, err := v.nbdkit(t, h.Password(), write, args...); err != nil {
		t.Fatal(err, said)
	}
	if got := m.Content("scsi0-0"); string(got[1024:1536]) != strings.Repeat("x", 512) {
		t.Error("not written")
	}
	h.must(v.FailWrite("There is not enough space"))
	if said, err := v.nbdkit(t, h.Password(), write, args...); err == nil || !strings.Contains(said, "not enough space") {
		t.Errorf("%v %s", err, said)
	}
	h.must(v.FailWrite(""))
	ref := m.Snapshot("a")
	if said, err := v.nbdkit(t, h.Password(), write, args...); err == nil {
		t.Errorf("the base of a snapshot was written: %s", said)
	}
	m.RemoveSnapshot(ref)
	if said, err := v.nbdkit(t, h.Password(), "nbdinfo $uri", args...); err != nil {
		t.Error(err, said)
	}
}

func TestVDDKRefuses(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	v := h.VDDK()
	m := h.Add(Spec{Disks: []Disk{{Size: 1 << 20}}})
	ref := m.Snapshot("a")
	good := append([]string{"-r"}, m.vddkArguments(v, &ref, "[fast] vm/vm.vmdk")...)
	with := func(old, new string) []string {
		var args []string
		for _, a := range good {
			if strings.HasPrefix(a, old) {
				a = new
			}
			if a != "" {
				args = append(args, a)
			}
		}
		return args
	}
	for what, c := range map[string]struct {
		password string
		args     []string
		want     string
	}{
		"":                 {h.Password(), good, ""},
		"password":         {"wrong", good, "incorrect user name or password"},
		"thumbprint":       {h.Password(), with("thumbprint=", "thumbprint=00:11"), "Unknown error"},
		"snapshot":         {h.Password(), with("snapshot=", "snapshot=snapshot-9999"), "file was not found"},
		"machine":          {h.Password(), with("vm=", "vm=moref=vm-9999"), "file was not found"},
		"name for a moref": {h.Password(), with("vm=", "vm=vm"), "parameters was invalid"},
		"no machine":       {h.Password(), with("vm=", ""), "missing: vm"},
		"unknown":          {h.Password(), append(with("xx", ""), "color=red"), "unknown parameter 'color'"},
		"server":           {h.Password(), with("port=", "port=1"), "Cannot connect to host"},
		"library":          {h.Password(), with("libdir=", ""), "could not load"},
	} {
		said, err := v.nbdkit(t, c.password, "nbdinfo $uri", c.args...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(said, c.want) {
			t.Errorf("%s: %v %q, want %q", what, err, said, c.want)
		}
	}
	h.must(v.FailOpen("The host is not licensed for this feature"))
	if said, err := v.nbdkit(t, h.Password(), "nbdinfo $uri", good...); err == nil || !strings.Contains(said, "not licensed") {
		t.Errorf("%v %s", err, said)
	}
	h.must(v.FailOpen(""))
	h.must(v.FailRead("The connection was lost"))
	if said, err := v.nbdkit(t, h.Password(), "/usr/bin/python3 -m nbd -u $uri -c 'h.pread(512, 0)'", good...); err == nil || !strings.Contains(said, "connection was lost") {
		t.Errorf("%v %s", err, said)
	}
	h.must(v.FailRead(""))
	h.NewCertificate()
	if said, err := v.nbdkit(t, h.Password(), "nbdinfo $uri", good...); err == nil || !strings.Contains(said, "Unknown error") {
		t.Errorf("with the thumbprint of before: %v %s", err, said)
	}
}

// A reader of the base keeps it from being consolidated.
func TestVDDKHoldsTheBase(t *testing.T) {
	t.Parallel()
	h := Start(t, Options{})
	v := h.VDDK()
	m := h.Add(Spec{Disks: []Disk{{Size: 1 << 20, Content: noise(1, 1<<20)}}})
	ref := m.Snapshot("a")
	m.Write("scsi0-0", 0, []byte("later"))
	dir := t.TempDir()
	run := "/usr/bin/python3 -m nbd -u $uri -c 'import os,time; open(\"" + dir + "/open\",\"w\"); t=time.time()\nwhile not os.path.exists(\"" + dir + "/go\") and time.time()<t+60: time.sleep(.01)' -c 'open(\"" + dir + "/got\",\"wb\").write(h.pread(512,0))'"
	ended := make(chan error, 1)
	go func() {
		_, err := v.nbdkit(t, h.Password(), run, append([]string{"-r"}, m.vddkArguments(v, &ref, "[fast] vm/vm.vmdk")...)...)
		ended <- err
	}()
	for !exists(filepath.Join(dir, "open")) {
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	m.RemoveSnapshot(ref)
	c := dial(t, h)
	if !c.machine(m, "runtime").Runtime.ConsolidationNeeded {
		t.Error("consolidated under a reader")
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "got")); err != nil || !bytes.Equal(got, noise(1, 512)) {
		t.Errorf("read what was not frozen: %v", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
