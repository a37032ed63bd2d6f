package acceptance

import (
	"encoding/json"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vbfs/libnbd"
)

// A qemu is a QEMU with one disk and without a guest: its block layer, its bitmaps, its NBD server.
type qemu struct {
	path, format string
	conn         net.Conn
	answers      *json.Decoder
	socket       string // of its NBD server
}

// startQEMU makes an image and opens it. Without its lock on the image, others may read it beside.
func startQEMU(t *testing.T, format string, size int64) *qemu {
	t.Helper()
	dir := socketDir(t)
	q := &qemu{path: filepath.Join(t.TempDir(), "live."+format), format: format, socket: filepath.Join(dir, "n")}
	tool(t, "qemu-img", "create", "-q", "-f", format, q.path, itoa(size))
	monitor := filepath.Join(dir, "m")
	s := serverOf(t, exec.Command("qemu-system-x86_64", "-machine", "none", "-S", "-nodefaults", "-display", "none",
		"-blockdev", "driver=file,node-name=file,discard=unmap,locking=off,filename="+q.path,
		"-blockdev", "driver="+format+",node-name=disk,file=file,discard=unmap",
		"-qmp", "unix:"+monitor+",server=on,wait=off"))
	eventually(t, "QEMU listens", func() bool {
		s.running(t)
		var err error
		q.conn, err = net.Dial("unix", monitor)
		return err == nil
	})
	t.Cleanup(func() { q.conn.Close() })
	q.answers = json.NewDecoder(q.conn)
	q.answer(t, "greeting") // unasked
	q.do(t, "qmp_capabilities", nil)
	q.do(t, "nbd-server-start", map[string]any{"addr": map[string]any{"type": "unix", "data": map[string]any{"path": q.socket}}})
	return q
}

type arguments = map[string]any

// do has QEMU do something, and gives its answer.
func (q *qemu) do(t *testing.T, command string, with arguments) any {
	t.Helper()
	request := map[string]any{"execute": command}
	if with != nil {
		request["arguments"] = with
	}
	check(t, json.NewEncoder(q.conn).Encode(request))
	return q.answer(t, command)
}

func (q *qemu) answer(t *testing.T, to string) any {
	t.Helper()
	check(t, q.conn.SetReadDeadline(time.Now().Add(time.Minute)))
	for {
		var m map[string]any
		check(t, q.answers.Decode(&m))
		if m["error"] != nil {
			t.Fatalf("QEMU: %s: %v", to, m["error"])
		}
		if m["event"] == nil {
			return m["return"]
		}
	}
}

// track begins a bitmap. freeze ends it.
func (q *qemu) track(t *testing.T, bitmap string) {
	t.Helper()
	q.do(t, "block-dirty-bitmap-add", arguments{"node": "disk", "name": bitmap, "granularity": unit})
}

func (q *qemu) freeze(t *testing.T, bitmap string) {
	t.Helper()
	q.do(t, "block-dirty-bitmap-disable", arguments{"node": "disk", "name": bitmap})
}

func (q *qemu) forget(t *testing.T, bitmap string) {
	t.Helper()
	q.do(t, "block-dirty-bitmap-remove", arguments{"node": "disk", "name": bitmap})
}

// merge adds what one bitmap has to another.
func (q *qemu) merge(t *testing.T, from, into string) {
	t.Helper()
	q.do(t, "block-dirty-bitmap-merge", arguments{"node": "disk", "target": into, "bitmaps": []string{from}})
}

// export exports the disk, read-only with a bitmap unless that is empty, and gives the URI.
func (q *qemu) export(t *testing.T, name, bitmap string) string {
	t.Helper()
	with := arguments{"type": "nbd", "id": name, "node-name": "disk", "name": name, "writable": bitmap == ""}
	if bitmap != "" {
		with["bitmaps"] = []string{bitmap}
	}
	q.do(t, "block-export-add", with)
	return unixURI(q.socket, name)
}

// unexport ends an export. QEMU says yes before it is so.
func (q *qemu) unexport(t *testing.T, name string) {
	t.Helper()
	q.do(t, "block-export-del", arguments{"id": name, "mode": "hard"})
	eventually(t, "QEMU ends an export", func() bool {
		for _, e := range q.do(t, "query-block-exports", nil).([]any) {
			if e.(map[string]any)["id"] == name {
				return false
			}
		}
		return true
	})
}

// writer connects to an export as a guest's driver would write.
func writer(t *testing.T, uri string) *libnbd.Libnbd {
	t.Helper()
	h, err := libnbd.Create()
	check(t, err)
	check(t, h.ConnectUri(uri))
	return h
}
