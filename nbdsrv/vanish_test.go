package nbdsrv_test

import (
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vbfs/nbdsrv"
	"vbfs/nbdsrv/exporttest"
	"vbfs/nbdsrv/proto"
)

// TestVanish: clients go away with requests in flight, or never read their replies. Others do not notice, and nothing of
// them is left: no goroutine of the server, no descriptor, no open export.
func TestVanish(t *testing.T) {
	m, _ := exporttest.Random(64<<20, 4<<20, 16)
	cat := one(m)
	socket := serve(t, cat, nbdsrv.Options{})
	witness := enter(t, socket, "", true)
	witness.ask(proto.Request{Length: 4096})
	files := openFiles(t)

	stuck := enter(t, socket, "", true)
	for i := range 40 { // more than the socket and the connection's budget hold; nobody reads the replies
		stuck.write(proto.Request{Length: 4096 << (i % 13), Flags: proto.CmdFlagDF * uint16(i%2)}.Append(nil))
	}
	for i := range 20 {
		c := enter(t, socket, "", i%2 == 0)
		for cookie := range uint64(30) {
			c.write(proto.Request{Cookie: cookie, Length: 1 << 20}.Append(nil))
		}
		c.Close()
		if a := witness.ask(proto.Request{Offset: 5, Length: 8192}); a.errno != proto.OK {
			t.Fatalf("the witness hears %v", a.errno)
		}
	}
	stuck.Close()
	eventually(t, "one export open", func() bool { return cat.opened.Load()-cat.closed.Load() == 1 })
	eventually(t, "workers ended", func() bool { return goroutines("(*session).work") <= 16 })
	eventually(t, "descriptors closed", func() bool { return openFiles(t) <= files })
	witness.write(proto.Request{Type: proto.CmdDisc}.Append(nil))
	witness.wantClosed()
	eventually(t, "no session left", func() bool { return goroutines("(*session)") == 0 })
}

// TestGoodbye: requests that came before DISC are answered before the connection ends, however long they take.
func TestGoodbye(t *testing.T) {
	t.Parallel()
	m, plain := exporttest.Random(1<<20, 64<<10, 17)
	g := &gate{Export: m, open: make(chan struct{})}
	c := enter(t, serve(t, one(g), nbdsrv.Options{}), "", false)
	r := proto.Request{Length: 500_000}
	c.write(proto.Request{Type: proto.CmdDisc}.Append(r.Append(nil)))
	time.Sleep(50 * time.Millisecond)
	close(g.open)
	if a := c.answer(r); string(a.data) != string(plain[:500_000]) {
		t.Error("wrong bytes")
	}
	c.wantClosed()
}

// TestHalfClosed: a client that sends no more and reads nothing either has gone, too.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	m, _ := exporttest.Random(8<<20, 64<<10, 19)
	cat := one(m)
	c := enter(t, serve(t, cat, nbdsrv.Options{}), "", false)
	c.write(proto.Request{Length: 8 << 20}.Append(nil))
	c.read(100) // the reply is on its way
	if err := c.Conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the export closed", func() bool { return cat.closed.Load() == 1 })
}

// gate is an export whose reads wait.
type gate struct {
	nbdsrv.Export
	inside atomic.Int64
	most   atomic.Int64
	open   chan struct{}
}

func (g *gate) ReadAt(p []byte, off int64) (int, error) {
	n := g.inside.Add(1)
	defer g.inside.Add(-1)
	for m := g.most.Load(); n > m && !g.most.CompareAndSwap(m, n); m = g.most.Load() {
	}
	<-g.open
	return g.Export.ReadAt(p, off)
}

// TestInFlight: requests are served at once, but not more than Options allow.
func TestInFlight(t *testing.T) {
	t.Parallel()
	m, _ := exporttest.Random(1<<20, 1<<10, 18)
	g := &gate{Export: m, open: make(chan struct{})}
	c := enter(t, serve(t, one(g), nbdsrv.Options{InFlight: 5}), "", false)
	r := proto.Request{Length: 100_000}
	for range 20 {
		c.write(r.Append(nil))
	}
	eventually(t, "five reads at once", func() bool { return g.inside.Load() == 5 })
	close(g.open)
	for range 20 {
		c.answer(r)
	}
	if n := g.most.Load(); n != 5 {
		t.Errorf("%d reads at once, want 5", n)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// goroutines counts those that run a function whose name holds what.
func goroutines(what string) int {
	b := make([]byte, 4<<20)
	n := 0
	for g := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if strings.Contains(g, what) {
			n++
		}
	}
	return n
}
