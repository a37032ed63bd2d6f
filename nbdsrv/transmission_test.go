package nbdsrv_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"vbfs/nbdsrv"
	"vbfs/nbdsrv/exporttest"
	"vbfs/nbdsrv/proto"
)

// TestDoor sends requests that must be refused, with structured replies and without, and sees that the connection works
// afterwards.
func TestDoor(t *testing.T) {
	t.Parallel()
	size := uint64(40<<20 + 5)
	m, plain := exporttest.Random(int64(size), 64<<10, 11)
	socket := serve(t, one(m), nbdsrv.Options{})
	requests := []struct {
		r    proto.Request
		want proto.Errno
	}{
		{proto.Request{}, proto.EINVAL},
		{proto.Request{Length: 32<<20 + 1}, proto.EINVAL},
		{proto.Request{Length: math.MaxUint32}, proto.EINVAL},
		{proto.Request{Offset: size, Length: 1}, proto.EINVAL},
		{proto.Request{Offset: size - 1, Length: 2}, proto.EINVAL},
		{proto.Request{Offset: math.MaxUint64, Length: 2}, proto.EINVAL},
		{proto.Request{Offset: 1 << 63, Length: 512}, proto.EINVAL},
		{proto.Request{Flags: 1, Length: 512}, proto.EINVAL},
		{proto.Request{Type: 99}, proto.EINVAL},
		{proto.Request{Type: proto.CmdFlush, Length: 1}, proto.EINVAL},
		{proto.Request{Type: proto.CmdFlush}, proto.OK},
		{proto.Request{Type: proto.CmdTrim, Length: 512}, proto.EPERM},
		{proto.Request{Type: proto.CmdWriteZeroes, Length: math.MaxUint32}, proto.EPERM},
		{proto.Request{Type: proto.CmdCache, Offset: size, Length: 1}, proto.EINVAL},
		{proto.Request{Type: proto.CmdBlockStatus}, proto.EINVAL},
		{proto.Request{Type: proto.CmdBlockStatus, Offset: 1, Length: uint32(size)}, proto.EINVAL},
		{proto.Request{Type: proto.CmdBlockStatus, Flags: 1, Length: 1}, proto.EINVAL},
		{proto.Request{Offset: size - 1, Length: 1}, proto.OK},
	}
	for _, structured := range []bool{true, false} {
		c := enter(t, socket, "", structured)
		for i, q := range requests {
			q.r.Cookie = uint64(i)
			if a := c.ask(q.r); a.errno != q.want {
				t.Errorf("structured %v: %+v: %v, want %v", structured, q.r, a.errno, q.want)
			}
		}
		write := proto.Request{Type: proto.CmdWrite, Cookie: 77, Length: 100_000}
		c.write(append(write.Append(nil), make([]byte, write.Length)...))
		if a := c.answer(write); a.errno != proto.EPERM {
			t.Errorf("write: %v", a.errno)
		}
		if a := c.ask(proto.Request{Offset: 3, Length: 32 << 20}); !bytes.Equal(a.data, plain[3:][:32<<20]) {
			t.Error("the longest read gives wrong bytes")
		}
	}
	c := enter(t, socket, "", true)
	if a := c.ask(proto.Request{Flags: proto.CmdFlagDF, Length: 32<<20 + 1}); a.errno != proto.EOVERFLOW {
		t.Errorf("too long with DF: %v", a.errno)
	}
	if a := enter(t, socket, "", false).ask(proto.Request{Flags: proto.CmdFlagDF, Length: 1}); a.errno != proto.EINVAL {
		t.Errorf("DF without structured replies: %v", a.errno)
	}
	c.write(proto.Request{Type: proto.CmdWrite, Length: 32<<20 + 1}.Append(nil))
	c.wantClosed()
}

// TestPipelined sends random reads without waiting, so that they are served at once and answered in any order.
func TestPipelined(t *testing.T) {
	t.Parallel()
	const size = 8<<20 + 321
	m, plain := exporttest.Random(size, 40<<10, 12)
	c := enter(t, serve(t, one(m), nbdsrv.Options{InFlight: 4}), "", false)
	rnd := rand.New(rand.NewPCG(5, 5))
	requests := make([]proto.Request, 600)
	var sent []byte
	for i := range requests {
		off := rnd.Int64N(size)
		longest := min(size-off, []int64{5000, 5000, 300_000}[i%3])
		requests[i] = proto.Request{Cookie: uint64(i), Offset: uint64(off), Length: uint32(1 + rnd.Int64N(longest))}
		sent = requests[i].Append(sent)
	}
	go c.Write(sent)
	answered := make([]bool, len(requests))
	for range requests {
		s, err := proto.DecodeSimpleReply(c.read(proto.SimpleReplyLen))
		if err != nil || s.Err != proto.OK || answered[s.Cookie] {
			t.Fatalf("reply %+v: %v", s, err)
		}
		answered[s.Cookie] = true
		r := requests[s.Cookie]
		if !bytes.Equal(c.read(int(r.Length)), plain[r.Offset:][:r.Length]) {
			t.Fatalf("%+v: wrong bytes", r)
		}
	}
}

// TestReplies counts chunks: holes go as holes, DF makes one chunk, simple clients get plain bytes.
func TestReplies(t *testing.T) {
	t.Parallel()
	const size = 4<<20 + 321
	m, plain := exporttest.Random(size, 40<<10, 13)
	cat := one(m)
	socket := serve(t, cat, nbdsrv.Options{})
	chunks, simple := enter(t, socket, "", true), enter(t, socket, "", false)
	rnd := rand.New(rand.NewPCG(6, 6))
	holes := 0
	for i := range 300 {
		off := rnd.Int64N(size)
		n := 1 + rnd.Int64N(min(size-off, 600_000))
		r := proto.Request{Cookie: uint64(i), Offset: uint64(off), Length: uint32(n)}
		want := plain[off : off+n]
		a := chunks.ask(r)
		holes += a.holes
		if !bytes.Equal(a.data, want) {
			t.Fatalf("%d bytes at %d in chunks: wrong", n, off)
		}
		if a := simple.ask(r); !bytes.Equal(a.data, want) {
			t.Fatalf("%d bytes at %d simply: wrong", n, off)
		}
		r.Flags = proto.CmdFlagDF
		if a := chunks.ask(r); !bytes.Equal(a.data, want) || a.chunks != 1 {
			t.Fatalf("%d bytes at %d with DF: wrong, or %d chunks", n, off, a.chunks)
		}
	}
	if holes == 0 {
		t.Error("no hole was sent as one")
	}
	if a := chunks.ask(proto.Request{Type: proto.CmdCache, Length: 12345}); a.errno != proto.OK || cat.prefetched.Load() != 12345 {
		t.Errorf("cache: %v, %d bytes prefetched", a.errno, cat.prefetched.Load())
	}
}

// TestBlockStatus checks extents against bytes from random offsets, and the flag REQ_ONE.
func TestBlockStatus(t *testing.T) {
	t.Parallel()
	const size = 4<<20 + 321
	m, plain := exporttest.Random(size, 20<<10, 14)
	c := enter(t, serve(t, one(m), nbdsrv.Options{}), "", true)
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		off := rnd.Int64N(size)
		r := proto.Request{Type: proto.CmdBlockStatus, Offset: uint64(off), Length: uint32(1 + rnd.Int64N(size-off))}
		a := c.ask(r)
		end := checkExtents(t, a.extents, plain, off)
		if end != off+int64(r.Length) {
			t.Fatalf("%+v: extents end at %d", r, end)
		}
		r.Flags = proto.CmdFlagReqOne
		if one := c.ask(r); len(one.extents) != 1 || one.extents[0] != a.extents[0] {
			t.Fatalf("one extent of %v: %v", a.extents[0], one.extents)
		}
	}
}

// checkExtents checks that holes are zero and neighbours differ, and gives the end.
func checkExtents(t *testing.T, extents []proto.Extent, plain []byte, off int64) int64 {
	t.Helper()
	for i, e := range extents {
		if i > 0 && e.State == extents[i-1].State {
			t.Fatalf("extents %d and %d are of one kind", i-1, i)
		}
		p := plain[off : off+int64(e.Len)]
		if e.State != 0 && len(bytes.Trim(p, "\x00")) != 0 {
			t.Fatalf("a hole of %d bytes at %d holds data", e.Len, off)
		}
		off += int64(e.Len)
	}
	return off
}

// vast is an export of 16 TiB of short runs: alternating, or all of one kind.
type vast struct{ alternating bool }

func (vast) Size() int64 { return 16 << 40 }

func (vast) ReadAt(p []byte, off int64) (int, error) { clear(p); return len(p), nil }

func (v vast) Extent(off int64) (int64, bool, error) {
	const run = 512
	return run - off%run, v.alternating && off/run%2 == 1, nil
}

// TestVastBlockStatus: CVE-2025-47711 was block status of the greatest length. Replies have a bound in extents and in work.
func TestVastBlockStatus(t *testing.T) {
	t.Parallel()
	cat := &catalog{exports: map[string]nbdsrv.Export{"alternating": vast{true}, "hole": vast{false}}}
	socket := serve(t, cat, nbdsrv.Options{})
	r := proto.Request{Type: proto.CmdBlockStatus, Offset: 16<<40 - math.MaxUint32, Length: math.MaxUint32}
	if a := enter(t, socket, "alternating", true).ask(r); len(a.extents) != 8192 {
		t.Errorf("%d extents of many", len(a.extents))
	}
	if a := enter(t, socket, "hole", true).ask(r); len(a.extents) != 1 || a.extents[0].Len != 512<<16-1 { // the first run is one byte short
		t.Errorf("extents of a hole: %v", a.extents)
	}
}

// solid is an export without holes.
type solid struct{ *bytes.Reader }

func (s solid) Extent(off int64) (int64, bool, error) { return s.Size() - off, true, nil }

// TestFailures: what cannot be read or mapped is an error on the wire, never zeros or a hole, and what lies before it and
// behind it is served.
func TestFailures(t *testing.T) {
	t.Parallel()
	plain := bytes.Repeat([]byte("damaged?"), 1<<17)
	m := solid{bytes.NewReader(plain)}
	cat := &catalog{exports: map[string]nbdsrv.Export{
		"read": failing{m, 300_000, 1 << 20}, "map": failing{m, 1 << 20, 300_000},
	}}
	socket := serve(t, cat, nbdsrv.Options{})
	for _, name := range []string{"read", "map"} {
		c := enter(t, socket, name, true)
		for _, n := range []uint32{4096, 700_000} {
			if a := c.ask(proto.Request{Offset: 299_000, Length: n}); a.errno != proto.EIO {
				t.Errorf("%s of %d bytes: %v, want EIO", name, n, a.errno)
			}
		}
		if a := c.ask(proto.Request{Offset: 1000, Length: 200_000}); !bytes.Equal(a.data, plain[1000:201_000]) {
			t.Errorf("%s: wrong bytes before the damage", name)
		}
	}
	simple := enter(t, socket, "read", false)
	if a := simple.ask(proto.Request{Offset: 299_999, Length: 2}); a.errno != proto.EIO {
		t.Errorf("simple read of what is damaged: %v", a.errno)
	}
	c := enter(t, socket, "map", true)
	if a := c.ask(proto.Request{Type: proto.CmdBlockStatus, Offset: 300_000, Length: 5}); a.errno != proto.EIO {
		t.Errorf("block status of what cannot be mapped: %v", a.errno)
	}
	a := c.ask(proto.Request{Type: proto.CmdBlockStatus, Length: 1 << 20})
	if end := checkExtents(t, a.extents, plain, 0); end != 300_000 {
		t.Errorf("block status ends at %d, where the map fails at 300000", end)
	}
}

// stalled is an export whose map does not advance.
type stalled struct{ nbdsrv.Export }

func (stalled) Extent(int64) (int64, bool, error) { return 0, true, nil }

func TestStalledMap(t *testing.T) {
	t.Parallel()
	c := enter(t, serve(t, one(stalled{small()}), nbdsrv.Options{}), "", true)
	for _, r := range []proto.Request{{Length: 4096}, {Type: proto.CmdBlockStatus, Length: 4096}} {
		if a := c.ask(r); a.errno != proto.EIO {
			t.Errorf("%+v: %v, want EIO", r, a.errno)
		}
	}
}

// ends records where reads end.
type ends struct {
	nbdsrv.Export
	at []int64
}

func (e *ends) ReadAt(p []byte, off int64) (int, error) {
	e.at = append(e.at, off+int64(len(p)))
	return e.Export.ReadAt(p, off)
}

// TestChunksEndAligned: a long read asks for no block of the export's twice.
func TestChunksEndAligned(t *testing.T) {
	t.Parallel()
	plain := make([]byte, 2<<20)
	e := &ends{Export: solid{bytes.NewReader(plain)}}
	enter(t, serve(t, one(e), nbdsrv.Options{}), "", true).ask(proto.Request{Offset: 1000, Length: 1 << 20})
	for _, at := range e.at[:len(e.at)-1] {
		if at%(64<<10) != 0 {
			t.Errorf("a read ends at %d", at)
		}
	}
}
