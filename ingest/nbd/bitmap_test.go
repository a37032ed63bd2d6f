//go:build cgo && !nolibnbd

package nbd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"vbfs/ingest"
	"vbfs/libnbd"
)

// A qemu is a qemu-storage-daemon that holds one qcow2 disk: QEMU's block layer, bitmaps and NBD server without the
// machine.
type qemu struct {
	t      *testing.T
	json   *json.Decoder
	conn   net.Conn
	socket string // of its NBD server
}

func startQEMU(t *testing.T, size string) *qemu {
	t.Helper()
	dir := socketDir(t)
	image, monitor := filepath.Join(t.TempDir(), "disk.qcow2"), filepath.Join(dir, "qmp")
	runTool(t, "qemu-img", "create", "-q", "-f", "qcow2", image, size)
	socket := filepath.Join(dir, "s")
	start(t, socket, "qemu-storage-daemon", // what it is told of last listens last
		"--chardev", "socket,id=qmp,server=on,wait=off,path="+monitor, "--monitor", "chardev=qmp",
		"--blockdev", "driver=file,node-name=file,discard=unmap,filename="+image,
		"--blockdev", "driver=qcow2,node-name=disk,file=file,discard=unmap",
		"--nbd-server", "addr.type=unix,addr.path="+socket)
	conn, err := net.Dial("unix", monitor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	q := &qemu{t: t, conn: conn, json: json.NewDecoder(conn), socket: socket}
	q.reply() // the greeting
	q.do("qmp_capabilities", map[string]any{})
	q.do("block-export-add", map[string]any{"type": "nbd", "id": "w", "node-name": "disk", "name": "w", "writable": true})
	return q
}

func (q *qemu) do(command string, arguments map[string]any) {
	q.t.Helper()
	if err := json.NewEncoder(q.conn).Encode(map[string]any{"execute": command, "arguments": arguments}); err != nil {
		q.t.Fatal(err)
	}
	q.reply()
}

func (q *qemu) reply() {
	q.t.Helper()
	q.conn.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		var m map[string]any
		if err := q.json.Decode(&m); err != nil {
			q.t.Fatal(err)
		}
		if m["error"] != nil {
			q.t.Fatalf("QMP: %v", m["error"])
		}
		if m["event"] == nil {
			return
		}
	}
}

// mark starts a bitmap; export ends it and offers the disk with it.
func (q *qemu) mark(bitmap string) {
	q.t.Helper()
	q.do("block-dirty-bitmap-add", map[string]any{"node": "disk", "name": bitmap, "granularity": 65536})
}

func (q *qemu) export(bitmap string) string {
	q.t.Helper()
	q.do("block-dirty-bitmap-disable", map[string]any{"node": "disk", "name": bitmap})
	q.do("block-export-add", map[string]any{"type": "nbd", "id": bitmap, "node-name": "disk", "name": bitmap, "bitmaps": []string{bitmap}})
	return unixURI(q.socket, bitmap)
}

// guest is a writer, as a guest is.
func (q *qemu) guest() *libnbd.Libnbd {
	q.t.Helper()
	h, err := libnbd.Create()
	if err != nil {
		q.t.Fatal(err)
	}
	q.t.Cleanup(func() { h.Close() })
	if err := h.ConnectUri(unixURI(q.socket, "w")); err != nil {
		q.t.Fatal(err)
	}
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDirtyBitmap(t *testing.T) {
	t.Parallel()
	const k = 64 << 10
	q := startQEMU(t, "16M")
	w := q.guest()
	must(t, w.Pwrite(bytes.Repeat([]byte{1}, 8*mib), 0, nil))
	q.mark("b")
	must(t, w.Pwrite(bytes.Repeat([]byte{2}, k), 1*mib, nil))    // data
	must(t, w.Zero(k, 2*mib, nil))                               // zero
	must(t, w.Trim(2*k, 3*mib, nil))                             // a hole
	must(t, w.Pwrite(bytes.Repeat([]byte{3}, 512), 12*mib, nil)) // within a 64 KiB block
	must(t, w.Flush(nil))
	src := open(t, q.export("b"), Options{Bitmaps: []string{"b"}})
	want := []ingest.Extent{data(mib, k), zero(2*mib, k), zero(3*mib, 2*k), data(12*mib, k)}
	if got := collect(t, src); !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, not %+v", got, want)
	}
	if n := src.Connections(); n != 4 {
		t.Errorf("QEMU's server gets %d connections", n)
	}
	full := open(t, unixURI(q.socket, "b"), Options{})
	if end := collect(t, full); end[len(end)-1].Off+end[len(end)-1].Len != 16*mib {
		t.Errorf("without the bitmap: %+v", end)
	}
}

// TestIncrementsOnly replays random writes, zeroes and discards by what the source yields, and by nothing else.
func TestIncrementsOnly(t *testing.T) {
	t.Parallel()
	const size = 8 * mib
	q := startQEMU(t, "8M")
	w := q.guest()
	rng := rand.New(rand.NewPCG(7, 7))
	copied := make([]byte, size) // a new qcow2 reads as zero
	for round := range 6 {
		bitmap := fmt.Sprintf("r%d", round)
		q.mark(bitmap)
		for range 20 {
			off := rng.Int64N(size/512) * 512
			n := min(size-off, (rng.Int64N(400)+1)*512)
			switch rng.IntN(4) {
			case 0:
				must(t, w.Zero(uint64(n), uint64(off), nil))
			case 1:
				must(t, w.Trim(uint64(n), uint64(off), nil))
			default:
				must(t, w.Pwrite(bytes.Repeat([]byte{byte(rng.Uint32())}, int(n)), uint64(off), nil))
			}
		}
		must(t, w.Flush(nil))
		src := open(t, q.export(bitmap), Options{Bitmaps: []string{bitmap}})
		apply(t, src, copied)
		live := make([]byte, size)
		must(t, w.Pread(live, 0, nil))
		if !bytes.Equal(copied, live) {
			t.Fatalf("round %d: the copy is not the disk", round)
		}
		src.Close()
	}
}

func apply(t *testing.T, src *Source, disk []byte) {
	t.Helper()
	for _, e := range collect(t, src) {
		part := disk[e.Off : e.Off+e.Len]
		if e.Zero {
			clear(part)
			continue
		}
		if _, err := src.ReadAt(part, e.Off); err != nil {
			t.Fatal(err)
		}
	}
}
