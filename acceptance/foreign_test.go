package acceptance

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A foreigner is a disk that fio wrote to, backed up and exported.
type foreigner struct {
	*victim
	in  *instant
	uri string
}

// fioJob is what fio writes and, later, verifies: 16 MiB in blocks of 4 KiB that carry their checksums.
var fioJob = []string{"--name=j", "--bs=4k", "--size=16m", "--verify=crc32c", "--verify_state_save=0", "--output-format=terse"}

func newForeigner(t *testing.T) *foreigner {
	t.Helper()
	r := initialize(t)
	v := newVictim(t, r, "web 01", 40*mib+512)
	tool(t, "fio", append(fioJob, "--rw=write", "--do_verify=0", "--ioengine=psync", "--filename="+v.path)...)
	v.load(t, 0, 16*mib)
	v.change(t, 20*mib+1000, 3*mib)
	v.change(t, 40*mib, 512)
	v.backup(t)
	v.change(t, 20*mib, mib)
	v.backup(t)
	in := v.past[0]
	return &foreigner{v, in, unixURI(r.serve(t), in.export())}
}

// TestForeignClients has programs of others read an export of an earlier point, while the disk has gone on.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	f := newForeigner(t)
	back := filepath.Join(t.TempDir(), "back.raw")
	f.r.ok(t, "restore", f.in.export(), back)
	check(t, fromFile(f.in, back))
	for name, client := range map[string]func(*testing.T, *foreigner, string){
		"nbdinfo": nbdinfo, "map": nbdmap, "nbdcopy": nbdcopy, "nbdfuse": nbdfuse,
		"compare": compare, "qemu-io": qemuIO, "fio": fio,
	} {
		t.Run(name, func(t *testing.T) { client(t, f, back) })
	}
}

func nbdinfo(t *testing.T, f *foreigner, _ string) {
	var info struct {
		Exports []struct {
			Name     string `json:"export-name"`
			Size     int64  `json:"export-size"`
			ReadOnly bool   `json:"is_read_only"`
		}
	}
	check(t, json.Unmarshal([]byte(tool(t, "nbdinfo", "--json", f.uri)), &info))
	if len(info.Exports) != 1 || info.Exports[0].Name != f.in.export() || info.Exports[0].Size != f.in.disk.size || !info.Exports[0].ReadOnly {
		t.Errorf("%+v", info)
	}
	list := tool(t, "nbdinfo", "--list", strings.Replace(f.uri, strings.Split(f.uri, "?")[0], "nbd+unix://", 1))
	for _, in := range f.past {
		if !strings.Contains(list, fmt.Sprintf("export=%q", in.export())) {
			t.Errorf("%s is not listed: %s", in.export(), list)
		}
	}
}

// nbdmap wants every unit of data called data, and every whole unit of zeros called a hole.
func nbdmap(t *testing.T, f *foreigner, _ string) {
	var runs []struct {
		Offset, Length int64
		Type           int
	}
	check(t, json.Unmarshal([]byte(tool(t, "nbdinfo", "--map", "--json", f.uri)), &runs))
	end := int64(0)
	for _, r := range runs {
		if r.Offset != end {
			t.Fatalf("a gap from %d to %d", end, r.Offset)
		}
		end += r.Length
		for i := r.Offset / unit; i < (end+unit-1)/unit; i++ {
			if zero := f.in.disk.units[i] == nil; zero != (r.Type == 3) {
				t.Fatalf("the unit at %d has type %d, and zeros: %v", i*unit, r.Type, zero)
			}
		}
	}
	if end != f.in.disk.size || len(runs) < 4 {
		t.Errorf("%d runs up to %d of %d", len(runs), end, f.in.disk.size)
	}
}

func nbdcopy(t *testing.T, f *foreigner, _ string) {
	for _, args := range [][]string{{"-C", "4"}, {"-C", "1", "--synchronous"}, {"--no-extents", "--request-size=1048576"}} {
		out := filepath.Join(t.TempDir(), "copy.raw")
		tool(t, "nbdcopy", append(args, f.uri, out)...)
		check(t, fromFile(f.in, out))
	}
}

func nbdfuse(t *testing.T, f *foreigner, _ string) {
	dir := t.TempDir()
	s := serverOf(t, exec.Command("nbdfuse", "-r", filepath.Join(dir, "nbd"), f.uri))
	t.Cleanup(func() {
		tool(t, "fusermount3", "-u", dir)
		<-s.ended
	})
	eventually(t, "nbdfuse mounts", func() bool { s.running(t); return mounted(t, dir) })
	check(t, fromFile(f.in, filepath.Join(dir, "nbd")))
}

// compare compares the two doors, and tells that the disk has gone on.
func compare(t *testing.T, f *foreigner, back string) {
	tool(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", back, f.uri)
	if out, err := exec.Command("qemu-img", "compare", "-f", "raw", "-F", "raw", f.path, f.uri).CombinedOutput(); err == nil {
		t.Errorf("the disk is as it was: %s", out)
	}
}

func qemuIO(t *testing.T, f *foreigner, _ string) {
	out := tool(t, "qemu-io", "-r", "-f", "raw", "-c", "read -P 0 17M 2M", "-c", "read 15M 8M", "-c", "map", f.uri)
	if strings.Contains(out, "verification failed") || strings.Count(out, "ops; ") != 2 {
		t.Errorf("qemu-io: %s", out)
	}
	if out, err := exec.Command("qemu-io", "-f", "raw", "-c", "write 0 512", f.uri).CombinedOutput(); err == nil {
		t.Errorf("qemu-io writes: %s", out)
	}
}

func fio(t *testing.T, f *foreigner, _ string) {
	tool(t, "fio", append(fioJob, "--rw=randread", "--verify_fatal=1", "--iodepth=16", "--ioengine=nbd", "--uri="+f.uri)...)
	out, err := exec.Command("fio", append(fioJob, "--rw=randread", "--verify_fatal=1", "--offset=20m", "--ioengine=nbd", "--uri="+f.uri)...).CombinedOutput()
	if err == nil {
		t.Errorf("fio verifies what it did not write: %s", out)
	}
}
