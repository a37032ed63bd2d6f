//go:build cgo && !nolibnbd

package qmp

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
	"vbfs/index/indextest"
	"vbfs/ingest"
	"vbfs/ingest/mark"
)

// Which devices are captured, under which names, and why others are not.
func TestRules(t *testing.T) {
	t.Parallel()
	plain := func(name string) *image {
		return &image{name: name, format: "raw", data: make([]byte, mib), bare: true}
	}
	ro, shared, legacy, loose, scsi := plain("ro"), plain("shared"), plain("legacy"), plain("loose"), plain("scsi")
	node := plain("node")
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 2*mib), options: ",logical_block_size=4096,physical_block_size=4096"}
	h := newHost(t, vda, ro, shared, legacy, loose, scsi, node)
	h.disks = []*image{vda, ro, shared, scsi, node}
	h.args = append(h.args, "-name", "the machine",
		"-uuid", "6f1c7ab6-3b0c-4a8e-9f5e-0123456789ab",
		"-device", "virtio-scsi-pci,id=hba",
		"-object", "secret,id=sec0,data=hunter2",
		"-drive", "if=ide,media=cdrom,id=cd", "-drive", "if=virtio,format=raw,file="+legacy.path, "-drive", "if=none,id=loose,format=raw,file="+loose.path)
	h.start()
	h.do("blockdev-del", qmp.Args{"node-name": "n-ro"}, nil)
	h.do("blockdev-add", qmp.Args{"driver": "raw", "node-name": "n-ro", "read-only": true, "file": qmp.Args{"driver": "file", "filename": ro.path}}, nil)
	h.do("device_add", qmp.Args{"driver": "virtio-blk-pci", "drive": "n-ro", "id": "sealed"}, nil)
	h.do("device_add", qmp.Args{"driver": "virtio-blk-pci", "drive": "n-shared", "id": "both", "share-rw": true}, nil)
	h.do("device_add", qmp.Args{"driver": "scsi-hd", "drive": "n-scsi", "id": "scsi1"}, nil)
	h.do("device_add", qmp.Args{"driver": "virtio-blk-pci", "drive": "n-node"}, nil)
	m := h.machine(Options{Skip: func(disk string) string {
		if disk == "n-node" {
			return "excluded"
		}
		return ""
	}})
	if name, err := m.Name(t.Context()); err != nil || name != "the machine" {
		t.Errorf("%q, %v", name, err)
	}
	repo := indextest.Plain(t)
	p, err := capture(t, repo, m, "auto")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range p.Disks {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	if want := []string{"both", "cd", "loose", "n-node", "scsi1", "sealed", "vda", "virtio0"}; !slices.Equal(names, want) {
		t.Fatalf("%q", names)
	}
	for disk, words := range map[string]string{
		"both": "share-rw", "cd": "no medium", "loose": "attached to no device", "sealed": "cannot write", "n-node": "excluded",
	} {
		if d := record(t, p, disk); d.State != format.DiskSkipped || !strings.Contains(d.Reason, words) || d.Tracking != "" {
			t.Errorf("%+v", d)
		}
	}
	d := record(t, p, "vda")
	if d.State != format.DiskOK || d.Bus != "virtio" || d.Source != "qcow2" || d.Logical != 4096 || !strings.HasPrefix(d.Origin, vda.path+" ") ||
		d.Tracking != mark.Name(repo.ID(), p.Point) {
		t.Errorf("%+v", d)
	}
	if b := record(t, p, "scsi1").Bus; b != "scsi" {
		t.Errorf("%q", b)
	}
	if p.Fact(factUUID) != "6f1c7ab6-3b0c-4a8e-9f5e-0123456789ab" || !strings.HasPrefix(p.Fact(factVersion), "7.") || p.Fact(factSocket) != h.monitor() {
		t.Errorf("%q", p.Hypervisor)
	}
	testConfigs(t, p.Configs)
	h.clean()
}

func testConfigs(t *testing.T, configs []format.ConfigFile) {
	t.Helper()
	var names []string
	for _, c := range configs {
		names = append(names, c.Name)
		if c.Kind != "qmp" || !json.Valid(c.Data) || bytes.Contains(c.Data, []byte("hunter2")) {
			t.Errorf("%s %s: %s", c.Kind, c.Name, c.Data)
		}
	}
	if want := []string{"qmp-block.json", "qmp-version.json", "qmp-status.json", "qmp-cmdline.json"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	if last := configs[len(configs)-1]; !bytes.Contains(last.Data, []byte("secret,id=sec0,data=***")) || !bytes.Contains(last.Data, []byte("the machine")) {
		t.Errorf("%s", last.Data)
	}
}

func TestWithoutSecrets(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"secret,id=s,data=a,,b,format=raw"`: `"secret,id=s,data=***,format=raw"`,
		`"nbd://me:pw@host:10809/x"`:         `"nbd://me:***@host:10809/x"`,
		`"http://host:80/a@b"`:               `"http://host:80/a@b"`,
		`"vnc :1,password=geheim"`:           `"vnc :1,password=***"`,
		`"file.metadata=on"`:                 `"file.metadata=on"`,
	} {
		if got := string(withoutSecrets([]byte(in))); got != want {
			t.Errorf("%s becomes %s", in, got)
		}
	}
}

// What ends a job of ours, ends the capture: nothing is read from a disk that is not held any more.
func TestJobEndedBehindOurBack(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	y := newHistory(t, vda)
	y.write(vda, 0, 4*mib, 1)
	cancel := func(*ingest.Shot) {
		jobs, err := y.c.Jobs(t.Context())
		y.must(err)
		y.do("block-job-cancel", qmp.Args{"device": jobs[0].ID, "force": true}, nil)
		for len(jobs) > 0 {
			jobs, err = y.c.Jobs(t.Context())
			y.must(err)
		}
		y.write(vda, mib, 2*mib, 2)
	}
	if p, err := capture(t, y.repo, gated{y.m, cancel}, "auto"); err == nil || p != nil && p.Complete() {
		t.Fatalf("a point of a disk that was not held: %v, %v", p, err)
	}
	y.clean()
	if got := y.ours("n-vda"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	y.point("auto")
}

// A QEMU that dies takes all with it but files.
func TestQEMUDies(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	y := newHistory(t, vda)
	y.write(vda, 0, 4*mib, 1)
	var left *ingest.LeftError
	if _, err := capture(t, y.repo, gated{y.m, func(*ingest.Shot) { y.kill() }}, "auto"); err == nil || errors.As(err, &left) {
		t.Errorf("%v", err)
	}
	y.noFiles()
	if _, err := capture(t, y.repo, y.m, "auto"); !errors.Is(err, qmp.ErrNoSocket) {
		t.Errorf("%v", err)
	}
	y.start()
	vda.data = make([]byte, 8*mib) // it was killed before it wrote its tables
	y.write(vda, 0, 8*mib, 3)
	y.point("auto")
	y.clean()
}

// QEMU's NBD server is not ours to stop, nor are exports of others.
func TestForeignServer(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	y := newHistory(t, vda)
	socket := filepath.Join(y.dir, "foreign")
	y.do("nbd-server-start", qmp.Args{"addr": qmp.Args{"type": "unix", "data": qmp.Args{"path": socket}}}, nil)
	y.do("block-export-add", qmp.Args{"type": "nbd", "id": "theirs", "node-name": "n-vda"}, nil)
	_, err := capture(t, y.repo, y.m, "auto")
	if !errors.Is(err, ErrServer) || !strings.Contains(err.Error(), "it exports theirs") {
		t.Errorf("%v", err)
	}
	exports, err := y.c.Exports(t.Context())
	if err != nil || len(exports) != 1 {
		t.Errorf("%+v, %v", exports, err)
	}
	if got := y.bitmaps("n-vda"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	y.do("nbd-server-stop", nil, nil)
	y.clean()
	y.point("auto")
}

// A disk whose job QEMU refuses fails with QEMU's words; one whose bitmaps it refuses is captured without.
func TestRefusedByQEMU(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	y := newHistory(t, vda)
	y.write(vda, 0, mib, 9)
	w := ingest.Wish{Repository: y.repo.ID(), Point: newUUID(), Level: ingest.Full}
	y.do("block-dirty-bitmap-add", qmp.Args{"node": "n-vda", "name": bitmap(mark.Name(w.Repository, w.Point), "vda")}, nil)
	shot, err := y.m.Take(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if d := shot.Disks[0]; d.Tracking != "" || !strings.Contains(d.Fallback, "already exists") || len(shot.Warnings) != 1 {
		t.Errorf("%+v, %q", d, shot.Warnings)
	}
	y.must(shot.Release(t.Context()))
	y.must(shot.Settle(t.Context(), nil))
	y.do("blockdev-add", qmp.Args{"driver": "null-co", "node-name": "null", "size": 8 * mib}, nil)
	y.do("blockdev-backup", qmp.Args{"device": "n-vda", "target": "null", "sync": "none", "job-id": "foreign"}, nil)
	if _, err := capture(t, y.repo, y.m, "auto"); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("%v", err)
	}
	y.do("block-job-cancel", qmp.Args{"device": "foreign", "force": true}, nil)
	time.Sleep(50 * time.Millisecond)
	y.do("blockdev-del", qmp.Args{"node-name": "null"}, nil)
	y.point("auto")
	y.clean()
}

// Of an image with snapshots inside, all is read, and nothing is put into the way of going back to one.
func TestInternalSnapshot(t *testing.T) {
	t.Parallel()
	vda := &image{name: "vda", format: "qcow2", data: make([]byte, 8*mib)}
	y := newHistory(t, vda, &image{name: "vdb", format: "raw", data: make([]byte, mib)})
	y.point("auto")
	y.quit()
	y.tool("qemu-img", "snapshot", "-c", "before", vda.path)
	y.start()
	p := y.point("inc")
	y.why(p, "vda", "snapshot inside the image (before)")
	if d := record(t, p, "vda"); d.Tracking != "" {
		t.Errorf("%+v", d)
	}
	if got := y.ours("n-vda"); len(got) != 1 { // the full's
		t.Errorf("%q", got)
	}
	p = y.point("inc")
	y.why(p, "vda", "has no mark of the disk")
	y.why(p, "vdb", "")
}

// The note of what is to be undone is believed only when it is ours, and never to remove what is no run's directory.
func TestNotes(t *testing.T) {
	t.Parallel()
	state, keep := t.TempDir(), t.TempDir()
	m, err := New("/nowhere", Options{State: state, Scratch: state})
	if err != nil {
		t.Fatal(err)
	}
	tag := newUUID().String()[:tagLength]
	b, err := json.Marshal(note{Socket: m.socket, Dir: keep})
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte, uid int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(state, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(state, name), uid, 0); err != nil {
			t.Fatal(err)
		}
	}
	write("qmp-"+tag+".json", b, os.Geteuid())
	write("qmp-"+newUUID().String()[:tagLength]+".json", b, 65534)
	write("qmp-"+newUUID().String()[:tagLength]+".json", b[:5], os.Geteuid())
	write("qmp-"+newUUID().String()[:tagLength]+".json.new", b[:5], os.Geteuid())
	write("qmp-other.json", b, os.Geteuid())
	runs, err := m.notes()
	if err != nil || len(runs) != 1 || runs[0].tag != tag || runs[0].dir != "" {
		t.Fatalf("%+v, %v", runs, err)
	}
	if left, err := filepath.Glob(filepath.Join(state, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("%q, %v", left, err)
	}
	if err := runs[0].end(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
}
