package nbdsrv_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"vbfs/nbdsrv/proto"
)

// client speaks raw NBD, and says what well-behaved clients do not.
type client struct {
	t *testing.T
	net.Conn
	structured bool
}

// dial connects and exchanges flags.
func dial(t *testing.T, socket string) *client {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &client{t: t, Conn: conn}
	if _, err := proto.DecodeGreeting(c.read(proto.GreetingLen)); err != nil {
		t.Fatal(err)
	}
	c.write(proto.AppendClientFlags(nil, proto.ClientFixedNewstyle|proto.ClientNoZeroes))
	return c
}

// enter dials, negotiates structured replies and base:allocation if wanted, and enters the transmission of name.
func enter(t *testing.T, socket, name string, structured bool) *client {
	t.Helper()
	c := dial(t, socket)
	if structured {
		c.structured = true
		c.want(proto.OptStructuredReply, nil, proto.RepAck)
		meta := proto.MetaRequest{Name: name, Queries: []string{"base:allocation"}}
		c.want(proto.OptSetMetaContext, meta.Append(nil), proto.RepMetaContext, proto.RepAck)
	}
	c.want(proto.OptGo, proto.ExportRequest{Name: name}.Append(nil), proto.RepInfo, proto.RepInfo, proto.RepAck)
	return c
}

func (c *client) read(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		c.t.Fatalf("read %d bytes: %v", n, err)
	}
	return b
}

func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// option sends an option and gives the replies up to the last.
func (c *client) option(code proto.OptionCode, payload []byte) []proto.ReplyCode {
	c.t.Helper()
	c.write(append(proto.Option{Code: code, Len: uint32(len(payload))}.Append(nil), payload...))
	var codes []proto.ReplyCode
	for {
		r, err := proto.DecodeOptionReply(c.read(proto.OptionReplyLen))
		if err != nil || r.Option != code {
			c.t.Fatalf("reply %+v to option %d: %v", r, code, err)
		}
		c.read(int(r.Len))
		if codes = append(codes, r.Code); r.Code == proto.RepAck || r.Code.IsError() {
			return codes
		}
	}
}

// want sends an option and checks its replies.
func (c *client) want(code proto.OptionCode, payload []byte, want ...proto.ReplyCode) {
	c.t.Helper()
	got := c.option(code, payload)
	if len(got) != len(want) {
		c.t.Fatalf("option %d: replies %x, want %x", code, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			c.t.Fatalf("option %d: replies %x, want %x", code, got, want)
		}
	}
}

// wantClosed checks that the server has closed the connection.
func (c *client) wantClosed() {
	c.t.Helper()
	b, err := io.ReadAll(c)
	if len(b) != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("connection not closed: %d bytes, %v", len(b), err)
	}
}

// answer is a whole reply: its error, the bytes of a READ and the extents of a BLOCK_STATUS.
type answer struct {
	errno   proto.Errno
	data    []byte
	holes   int
	chunks  int
	extents []proto.Extent
}

// ask sends a request and reads its reply.
func (c *client) ask(r proto.Request) answer {
	c.t.Helper()
	c.write(r.Append(nil))
	return c.answer(r)
}

func (c *client) answer(r proto.Request) (a answer) {
	c.t.Helper()
	if !c.structured {
		s, err := proto.DecodeSimpleReply(c.read(proto.SimpleReplyLen))
		if err != nil || s.Cookie != r.Cookie {
			c.t.Fatalf("reply %+v to cookie %d: %v", s, r.Cookie, err)
		}
		if a.errno = s.Err; s.Err == proto.OK && r.Type == proto.CmdRead {
			a.data = c.read(int(r.Length))
		}
		return a
	}
	if r.Type == proto.CmdRead && r.Length <= 32<<20 {
		a.data = bytes.Repeat([]byte{0xa5}, int(r.Length))
	}
	for done := false; !done; a.chunks++ {
		done = c.chunk(r, &a)
	}
	return a
}

// chunk reads one chunk of the reply to r into a.
func (c *client) chunk(r proto.Request, a *answer) (done bool) {
	c.t.Helper()
	h, err := proto.DecodeChunk(c.read(proto.ChunkLen))
	if err != nil || h.Cookie != r.Cookie {
		c.t.Fatalf("chunk %+v for cookie %d: %v", h, r.Cookie, err)
	}
	p := c.read(int(h.Len))
	switch h.Type {
	case proto.ChunkNone:
	case proto.ChunkOffsetData:
		var at uint64
		for _, b := range p[:8] {
			at = at<<8 | uint64(b)
		}
		copy(a.data[at-r.Offset:], p[8:])
	case proto.ChunkOffsetHole:
		hole, _ := proto.DecodeHole(p)
		clear(a.data[hole.Offset-r.Offset:][:hole.Len])
		a.holes++
	case proto.ChunkBlockStatus:
		s, err := proto.DecodeStatus(p)
		if err != nil {
			c.t.Fatal(err)
		}
		a.extents = s.Extents
	default:
		f, err := proto.DecodeFailure(h.Type, p)
		if err != nil {
			c.t.Fatal(err)
		}
		a.errno = f.Err
	}
	return h.Flags&proto.FlagDone != 0
}
