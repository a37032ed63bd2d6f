package nbdsrv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vbfs/nbdsrv"
	"vbfs/nbdsrv/exporttest"
)

// disk serves a random disk to foreign clients, and gives its bytes in a file for them to compare with.
func disk(t *testing.T, name string) (socket, raw string, plain []byte) {
	t.Helper()
	m, plain := exporttest.Random(24<<20+512, 300<<10, 21)
	cat := &catalog{exports: map[string]nbdsrv.Export{name: m}}
	raw = filepath.Join(t.TempDir(), "plain.raw")
	if err := os.WriteFile(raw, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	return serve(t, cat, nbdsrv.Options{}), raw, plain
}

func TestNbdinfo(t *testing.T) {
	t.Parallel()
	const name = "web01@latest:vda"
	socket, _, plain := disk(t, name)
	var info struct {
		Exports []struct {
			Name           string `json:"export-name"`
			Description    string `json:"description"`
			Size           int64  `json:"export-size"`
			Contexts       []string
			ReadOnly       bool  `json:"is_read_only"`
			MultiConn      bool  `json:"can_multi_conn"`
			DF             bool  `json:"can_df"`
			Cache          bool  `json:"can_cache"`
			BlockMin       int64 `json:"block_size_minimum"`
			BlockPreferred int64 `json:"block_size_preferred"`
			BlockMax       int64 `json:"block_size_maximum"`
		}
	}
	for _, args := range [][]string{{"--json", uri(socket, name)}, {"--json", "--list", uri(socket, "")}} {
		if err := json.Unmarshal([]byte(run(t, "nbdinfo", args...)), &info); err != nil {
			t.Fatal(err)
		}
		if len(info.Exports) != 1 {
			t.Fatalf("%d exports", len(info.Exports))
		}
		e := info.Exports[0]
		if e.Name != name || e.Size != int64(len(plain)) || !e.ReadOnly || !e.MultiConn || !e.DF || !e.Cache {
			t.Errorf("%q: %+v", args, e)
		}
		if e.BlockMin != 1 || e.BlockPreferred != 4096 || e.BlockMax != 32<<20 || fmt.Sprint(e.Contexts) != "[base:allocation]" {
			t.Errorf("%q: %+v", args, e)
		}
	}
	if info.Exports[0].Description != "a disk" {
		t.Errorf("description %q", info.Exports[0].Description)
	}
}

// TestMaps compares the maps of two clients with the bytes: holes are zero, and no run of zeros of the export's is data.
func TestMaps(t *testing.T) {
	t.Parallel()
	socket, _, plain := disk(t, "")
	var info []struct {
		Offset, Length int64
		Type           int
	}
	if err := json.Unmarshal([]byte(run(t, "nbdinfo", "--json", "--map", uri(socket, ""))), &info); err != nil {
		t.Fatal(err)
	}
	var qemu []struct {
		Start, Length int64
		Zero          bool
	}
	if err := json.Unmarshal([]byte(run(t, "qemu-img", "map", "--output=json", "-f", "raw", uri(socket, ""))), &qemu); err != nil {
		t.Fatal(err)
	}
	end := int64(0)
	for _, e := range info {
		checkRun(t, plain, e.Offset, e.Length, e.Type&2 != 0)
		end = e.Offset + e.Length
	}
	qemuEnd := int64(0)
	for _, e := range qemu {
		checkRun(t, plain, e.Start, e.Length, e.Zero)
		qemuEnd = e.Start + e.Length
	}
	if size := int64(len(plain)); end != size || qemuEnd != size || len(info) < 10 {
		t.Errorf("%d extents end at %d and %d, want %d", len(info), end, qemuEnd, size)
	}
}

// checkRun checks that a run is zeros, or that it is not only zeros.
func checkRun(t *testing.T, plain []byte, off, n int64, zero bool) {
	t.Helper()
	if zeros := len(bytes.Trim(plain[off:off+n], "\x00")) == 0; zeros != zero {
		t.Fatalf("run of %d bytes at %d: zero %v, really %v", n, off, zero, zeros)
	}
}

// TestCopies copies with several connections and one, over a Unix socket and TCP, and compares with qemu-img.
func TestCopies(t *testing.T) {
	t.Parallel()
	socket, raw, plain := disk(t, "")
	for _, args := range [][]string{{"-C", "4"}, {"-C", "1", "--synchronous"}, {"-C", "2", "--no-extents", "--request-size=33554432"}} {
		out := filepath.Join(t.TempDir(), "copy.raw")
		run(t, "nbdcopy", append(args, uri(socket, ""), out)...)
		if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("nbdcopy %q: wrong bytes (%v)", args, err)
		}
	}
	run(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", raw, uri(socket, ""))
}

func TestTCP(t *testing.T) {
	t.Parallel()
	m, plain := exporttest.Random(2<<20, 100<<10, 22)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- nbdsrv.New(one(m), nbdsrv.Options{}).Serve(ctx, l) }()
	out := filepath.Join(t.TempDir(), "copy.raw")
	run(t, "nbdcopy", "-C", "4", fmt.Sprintf("nbd://%s", l.Addr()), out)
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("wrong bytes (%v)", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestQemuIO reads with a pattern that only the export holds, and cannot write.
func TestQemuIO(t *testing.T) {
	t.Parallel()
	plain := bytes.Repeat([]byte{0xcd}, 1<<20)
	socket := serve(t, one(solid{bytes.NewReader(plain)}), nbdsrv.Options{})
	out := run(t, "qemu-io", "-r", "-f", "raw", "-c", "read -P 0xcd 1000 300000", "-c", "read -P 0xcd 0 1M", uri(socket, ""))
	if strings.Contains(out, "Pattern verification failed") || strings.Count(out, "read ") != 2 {
		t.Errorf("qemu-io: %s", out)
	}
	cmd := exec.Command("qemu-io", "-f", "raw", "-c", "write 0 512", uri(socket, ""))
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("qemu-io writes: %s", out)
	}
}

// TestFio reads at random with verification of what fio itself wrote to the disk.
func TestFio(t *testing.T) {
	t.Parallel()
	raw := filepath.Join(t.TempDir(), "fio.raw")
	job := []string{"--name=j", "--bs=4k", "--size=4m", "--verify=crc32c", "--verify_state_save=0", "--iodepth=16", "--output-format=terse"}
	run(t, "fio", append(job, "--rw=write", "--do_verify=0", "--ioengine=psync", "--filename="+raw)...)
	plain, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	socket := serve(t, one(solid{bytes.NewReader(plain)}), nbdsrv.Options{})
	run(t, "fio", append(job, "--rw=randread", "--verify_fatal=1", "--ioengine=nbd", "--uri="+uri(socket, ""))...)
}

// TestLibnbd drives libnbd through what the tools do not use: no structured replies, DF, REQ_ONE, odd offsets, errors,
// EXPORT_NAME.
func TestLibnbd(t *testing.T) {
	t.Parallel()
	socket, raw, _ := disk(t, "d")
	nbdsh(t, "testdata/libnbd.py", socket, raw)
}

// nbdsh runs a Python script with libnbd's binding, which belongs to the system's Python.
func nbdsh(t *testing.T, script string, args ...string) {
	t.Helper()
	run(t, "/usr/bin/python3", append([]string{script}, args...)...)
}
