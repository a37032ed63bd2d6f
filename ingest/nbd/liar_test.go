//go:build cgo && !nolibnbd

package nbd

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vbfs/ingest"
)

// Constants of the NBD specification, sections "Fixed newstyle negotiation", "Option types", "Structured reply types".
const (
	magicInit   = 0x4e42444d41474943 // NBDMAGIC
	magicOption = 0x49484156454f5054 // IHAVEOPT
	magicReply  = 0x3e889045565a9    // of an option
	magicChunk  = 0x668e33ef
	optGo       = 7
	optReplies  = 8
	optContexts = 10
	repAck      = 1
	repInfo     = 3
	repContext  = 4
	repUnknown  = 0x80000001
	cmdRead     = 0
	cmdStatus   = 7
	chunkDone   = 1
	chunkData   = 1
	chunkStatus = 5
)

// A liar is an NBD server that answers commands with whatever the test says.
type liar struct {
	size     int64
	contexts []string // granted, numbered from 1
	status   func(off int64, n uint32) [][]uint32
	read     func(off int64, n uint32) []byte // after its offset, the data chunk
	sizes    []uint32                         // block sizes, nil for none
	t        *testing.T
}

func (s liar) start(t *testing.T) string {
	t.Helper()
	s.t = t
	socket := filepath.Join(socketDir(t), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return unixURI(socket, "")
}

func (s liar) serve(c net.Conn) {
	defer c.Close()
	write(c, uint64(magicInit), uint64(magicOption), uint16(3))
	io.CopyN(io.Discard, c, 4) // client flags
	for s.option(c) {
	}
	for s.command(c) {
	}
}

func (s liar) option(c net.Conn) bool {
	var o struct {
		Magic       uint64
		Option, Len uint32
	}
	if binary.Read(c, binary.BigEndian, &o) != nil {
		return false
	}
	io.CopyN(io.Discard, c, int64(o.Len))
	reply := func(kind uint32, payload ...any) {
		n := 0
		for _, v := range payload {
			n += binary.Size(v)
		}
		write(c, append([]any{uint64(magicReply), o.Option, kind, uint32(n)}, payload...)...)
	}
	switch o.Option {
	case optReplies:
		reply(repAck)
	case optContexts:
		for i, name := range s.contexts {
			reply(repContext, uint32(i+1), []byte(name))
		}
		reply(repAck)
	case optGo:
		reply(repInfo, uint16(0), uint64(s.size), uint16(1|2)) // read-only
		if s.sizes != nil {
			reply(repInfo, uint16(3), s.sizes)
		}
		reply(repAck)
		return false
	default:
		reply(repUnknown)
	}
	return true
}

func (s liar) command(c net.Conn) bool {
	var r struct {
		Magic          uint32
		Flags, Command uint16
		Cookie, Offset uint64
		Len            uint32
	}
	if binary.Read(c, binary.BigEndian, &r) != nil {
		return false
	}
	chunk := func(flags, kind uint16, payload ...any) {
		n := 0
		for _, v := range payload {
			n += binary.Size(v)
		}
		write(c, append([]any{uint32(magicChunk), flags, kind, r.Cookie, uint32(n)}, payload...)...)
	}
	switch r.Command {
	case cmdStatus:
		for id, entries := range s.status(int64(r.Offset), r.Len) {
			if entries != nil {
				chunk(0, chunkStatus, uint32(id+1), entries)
			}
		}
	case cmdRead:
		if data := s.read(int64(r.Offset), r.Len); data != nil {
			chunk(0, chunkData, r.Offset, data)
		}
	default:
		return false
	}
	chunk(chunkDone, 0)
	return true
}

func write(w io.Writer, values ...any) {
	for _, v := range values {
		binary.Write(w, binary.BigEndian, v)
	}
}

const (
	alloc = "base:allocation"
	dirty = "qemu:dirty-bitmap:b"
	mib   = 1 << 20
)

func TestLiesAboutExtents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		contexts []string
		answer   [][]uint32
	}{
		{"an empty extent", []string{alloc}, [][]uint32{{mib, 0, 0, 3, mib, 0}}},
		{"only an empty extent", []string{alloc}, [][]uint32{{0, 0}}},
		{"half an entry", []string{alloc}, [][]uint32{{mib, 0, mib}}},
		{"more after the end", []string{alloc}, [][]uint32{{4 * mib, 0, mib, 3}}},
		{"more after the end was overrun", []string{alloc}, [][]uint32{{5 * mib, 0, mib, 3}}},
		{"no extents", []string{alloc}, [][]uint32{{}}},
		{"no answer", []string{alloc}, [][]uint32{nil}},
		{"no answer for the bitmap", []string{alloc, dirty}, [][]uint32{{4 * mib, 0}, nil}},
		{"no answer for the allocation", []string{alloc, dirty}, [][]uint32{nil, {4 * mib, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			uri := liar{size: 4 * mib, contexts: c.contexts, status: func(int64, uint32) [][]uint32 { return c.answer }}.start(t)
			opts := Options{Timeout: 5 * time.Second}
			if slices.Contains(c.contexts, dirty) {
				opts.Bitmaps = []string{"b"}
			}
			src := open(t, uri, opts)
			var last error
			for e, err := range src.Extents(t.Context()) {
				if err == nil {
					t.Errorf("yields %+v", e)
				}
				last = err
			}
			if last == nil || !strings.Contains(last.Error(), uri) || errors.Is(last, ErrTimeout) {
				t.Errorf("ends with %v", last)
			}
		})
	}
}

func TestTwoAnswersForAContext(t *testing.T) {
	t.Parallel()
	// libnbd calls back for every chunk that names a granted context.
	uri := liar{size: 4 * mib, contexts: []string{alloc, alloc}, status: func(int64, uint32) [][]uint32 {
		return [][]uint32{{4 * mib, 0}, {4 * mib, 3}}
	}}.start(t)
	if err := lastError(open(t, uri, Options{})); !errors.Is(err, ErrProtocol) {
		t.Errorf("ends with %v", err)
	}
}

func TestAnswersInParts(t *testing.T) {
	t.Parallel()
	// Each answer ends early, at another place in each context, and the last one reaches beyond the disk.
	uri := liar{size: 4*mib + 512, contexts: []string{alloc, dirty}, status: func(off int64, n uint32) [][]uint32 {
		if off >= 3*mib {
			return [][]uint32{{16 * mib, 3}, {32 * mib, 1}}
		}
		return [][]uint32{{mib, uint32(off / mib % 2 * 3), 64 << 10, 0}, {mib / 2, 0, mib / 2, 1}}
	}}.start(t)
	want := []ingest.Extent{data(mib/2, mib/2), zero(mib+mib/2, mib/2), data(2*mib+mib/2, mib/2), zero(3*mib, mib+512)}
	if got := collect(t, open(t, uri, Options{Bitmaps: []string{"b"}})); !slices.Equal(got, want) {
		t.Errorf("%+v, not %+v", got, want)
	}
}

func TestShortReadIsAnError(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(int64, uint32) []byte{
		"nothing": func(int64, uint32) []byte { return nil },
		"half":    func(_ int64, n uint32) []byte { return make([]byte, n/2) },
	} {
		uri := liar{size: 4 * mib, read: read}.start(t)
		if n, err := open(t, uri, Options{}).ReadAt(make([]byte, mib), 0); n != 0 || err == nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

func TestLiesAboutBlockSizes(t *testing.T) {
	t.Parallel()
	for _, sizes := range [][]uint32{{3, 4096, mib}, {1 << 20, 1 << 20, 1 << 20}, {4096, 4096, 512}} {
		uri := liar{size: 4 * mib, sizes: sizes}.start(t)
		src, err := Open(t.Context(), uri, Options{Timeout: 5 * time.Second})
		if err != nil {
			continue // ours or libnbd's refusal
		}
		t.Cleanup(func() { src.Close() })
		if e := src.export; e.minBlock != 1 || e.request != requestSize { // libnbd takes nonsense for nothing said
			t.Errorf("%d: %+v", sizes, e)
		}
	}
}
