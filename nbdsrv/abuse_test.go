package nbdsrv_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vbfs/nbdsrv"
	"vbfs/nbdsrv/exporttest"
	"vbfs/nbdsrv/proto"
)

func small() nbdsrv.Export {
	m, _ := exporttest.Random(1<<20, 64<<10, 7)
	return m
}

// TestLongNames: CVE-2017-15118 was an export name longer than its buffer.
func TestLongNames(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("n", 4096)
	socket := serve(t, &catalog{exports: map[string]nbdsrv.Export{longest: small()}}, nbdsrv.Options{})
	enter(t, socket, longest, true)

	c := dial(t, socket)
	tooLong := proto.ExportRequest{Name: longest + "n"}.Append(nil)
	c.want(proto.OptGo, tooLong, proto.RepErrTooBig)
	c.want(proto.OptInfo, tooLong, proto.RepErrTooBig)
	c.want(proto.OptStructuredReply, nil, proto.RepAck)
	c.want(proto.OptSetMetaContext, proto.MetaRequest{Name: longest + "n"}.Append(nil), proto.RepErrTooBig)
	c.want(proto.OptGo, []byte{0xff, 0xff, 0xff, 0xff, 0, 0}, proto.RepErrInvalid)
	c.write(proto.Option{Code: proto.OptExportName, Len: 4097}.Append(nil))
	c.write([]byte(longest + "n"))
	c.wantClosed()
}

// TestHugeOptions: CVE-2017-15119 was 4 GiB of an unknown option that was read to its end.
func TestHugeOptions(t *testing.T) {
	t.Parallel()
	socket := serve(t, one(small()), nbdsrv.Options{HandshakeTimeout: time.Hour})
	c := dial(t, socket)
	for _, n := range []int{0, 1, 32 << 10, 32<<10 + 1, 1 << 20} {
		c.want(999, make([]byte, n), c.refusal(n))
	}
	c.want(proto.OptGo, make([]byte, 1<<20), proto.RepErrTooBig)
	c.want(proto.OptList, []byte{1}, proto.RepErrInvalid)
	c.want(proto.OptStructuredReply, []byte{1}, proto.RepErrInvalid)
	c.want(proto.OptAbort, nil, proto.RepAck)
	c.wantClosed()

	c = dial(t, socket)
	c.write(proto.Option{Code: 999, Len: 1<<20 + 1}.Append(nil))
	c.wantClosed()
}

// refusal is what answers an unknown option of n bytes: over 32 KiB the server no longer looks.
func (c *client) refusal(n int) proto.ReplyCode {
	if n > 32<<10 {
		return proto.RepErrTooBig
	}
	return proto.RepErrUnsup
}

// TestHandshakeDeadline and TestMaxConns: CVE-2024-7409 was clients that connect and say nothing.
func TestHandshakeDeadline(t *testing.T) {
	t.Parallel()
	cat := one(small())
	socket := serve(t, cat, nbdsrv.Options{HandshakeTimeout: time.Second, MaxConns: 2})
	for range 4 { // the last two are only greeted when the first two were thrown out
		start := time.Now()
		c := dial(t, socket)
		c.want(proto.OptInfo, proto.ExportRequest{}.Append(nil), proto.RepInfo, proto.RepInfo, proto.RepAck)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("answered after %v", d)
		}
	}
	eventually(t, "all closed", func() bool { return cat.opened.Load() == 4 && cat.closed.Load() == 4 })

	c := enter(t, socket, "", true)
	time.Sleep(1500 * time.Millisecond) // the deadline is the handshake's alone
	if a := c.ask(proto.Request{Length: 10}); a.errno != proto.OK {
		t.Errorf("after the handshake's deadline: %v", a.errno)
	}
}

func TestMaxConns(t *testing.T) {
	t.Parallel()
	socket := serve(t, one(small()), nbdsrv.Options{MaxConns: 1})
	first := enter(t, socket, "", true)
	second, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	second.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := second.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("the second connection hears %d bytes, %v", n, err)
	}
	first.Close()
	second.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(second, make([]byte, proto.GreetingLen)); err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
}

// TestInjectedBeforeTLS: CVE-2021-3716 was plain text behind STARTTLS that was taken for what came under TLS.
func TestInjectedBeforeTLS(t *testing.T) {
	t.Parallel()
	socket := serve(t, one(small()), nbdsrv.Options{TLS: &tls.Config{}})
	c := dial(t, socket)
	c.write(append(proto.Option{Code: proto.OptStartTLS}.Append(nil), proto.Option{Code: proto.OptList}.Append(nil)...))
	c.wantClosed()
}

// TestNothingBeforeTLS: CVE-2019-14850 was an export opened for clients that had not negotiated yet.
func TestNothingBeforeTLS(t *testing.T) {
	t.Parallel()
	cat := one(small())
	socket := serve(t, cat, nbdsrv.Options{TLS: &tls.Config{}, RequireTLS: true})
	c := dial(t, socket)
	for _, code := range []proto.OptionCode{
		proto.OptList, proto.OptInfo, proto.OptGo, proto.OptStructuredReply, proto.OptListMetaContext, proto.OptSetMetaContext, 999,
	} {
		c.want(code, proto.ExportRequest{}.Append(nil), proto.RepErrTLSReqd)
	}
	c.want(proto.OptAbort, nil, proto.RepAck)
	c = dial(t, socket)
	c.write(proto.Option{Code: proto.OptExportName}.Append(nil))
	c.wantClosed()
	if n := cat.opened.Load(); n != 0 {
		t.Errorf("%d exports opened without TLS", n)
	}
}

// TestOutOfOrder: CVE-2019-14851 was an assertion that options in an odd order met.
func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	cat := &catalog{exports: map[string]nbdsrv.Export{"a": small(), "b": small()}}
	socket := serve(t, cat, nbdsrv.Options{})
	meta := proto.MetaRequest{Name: "a", Queries: []string{"base:allocation"}}.Append(nil)
	c := dial(t, socket)
	c.structured = true
	c.want(proto.OptSetMetaContext, meta, proto.RepErrInvalid)
	c.want(proto.OptListMetaContext, meta, proto.RepErrInvalid)
	c.want(proto.OptStartTLS, nil, proto.RepErrUnsup)
	c.want(proto.OptStructuredReply, nil, proto.RepAck)
	c.want(proto.OptSetMetaContext, meta, proto.RepMetaContext, proto.RepAck)
	c.want(proto.OptListMetaContext, proto.MetaRequest{Name: "b"}.Append(nil), proto.RepMetaContext, proto.RepAck)
	c.want(proto.OptSetMetaContext, proto.MetaRequest{Name: "c"}.Append(nil), proto.RepErrUnknown)
	c.want(proto.OptSetMetaContext, meta, proto.RepMetaContext, proto.RepAck)
	c.want(proto.OptGo, proto.ExportRequest{Name: "c"}.Append(nil), proto.RepErrUnknown)
	c.want(proto.OptGo, proto.ExportRequest{Name: "b"}.Append(nil), proto.RepInfo, proto.RepInfo, proto.RepAck)
	// The context was negotiated for another export.
	if a := c.ask(proto.Request{Type: proto.CmdBlockStatus, Length: 4096}); a.errno != proto.EINVAL {
		t.Errorf("block status of an export it was not negotiated for: %v", a.errno)
	}
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	var heard atomic.Int64
	socket := serve(t, one(small()), nbdsrv.Options{OnError: func(error) { heard.Add(1) }})
	c := dial(t, socket)
	c.write([]byte("GET / HTTP/1.0\r\n\r\n"))
	c.wantClosed()
	c = enter(t, socket, "", true)
	c.write(make([]byte, proto.RequestLen))
	c.wantClosed()
	eventually(t, "two errors", func() bool { return heard.Load() == 2 })
}

// endless is a catalog whose names do not end.
type endless struct {
	catalog
	yielded atomic.Int64
	ended   chan struct{}
}

func (c *endless) Names(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		defer close(c.ended)
		for yield(fmt.Sprint("export ", c.yielded.Load()), nil) {
			c.yielded.Add(1)
		}
	}
}

// TestEndlessList: a list streams, waits for a client that does not read, and stops when it goes.
func TestEndlessList(t *testing.T) {
	t.Parallel()
	cat := &endless{ended: make(chan struct{})}
	socket := serve(t, cat, nbdsrv.Options{})
	c := dial(t, socket)
	c.write(proto.Option{Code: proto.OptList}.Append(nil))
	c.read(1 << 20)
	before := cat.yielded.Load()
	c.Close()
	select {
	case <-cat.ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the list goes on for a client that has gone")
	}
	if n := cat.yielded.Load() - before; n > 100_000 {
		t.Errorf("%d names ahead of the client", n)
	}
}

// broken is a catalog that fails.
type broken struct{}

func (broken) Open(context.Context, string) (nbdsrv.Export, error) {
	return nil, errors.New("secret of the operator")
}

func (broken) Names(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if yield("first", nil) {
			yield("", errors.New("secret of the operator"))
		}
	}
}

// TestBrokenCatalog: a list cut short is no list, and the operator hears what the client does not.
func TestBrokenCatalog(t *testing.T) {
	t.Parallel()
	var heard atomic.Int64
	socket := serve(t, broken{}, nbdsrv.Options{OnError: func(err error) {
		if strings.Contains(err.Error(), "secret") {
			heard.Add(1)
		}
	}})
	c := dial(t, socket)
	c.want(proto.OptList, nil, proto.RepServer, proto.RepErrPolicy)
	c.want(proto.OptGo, proto.ExportRequest{Name: "first"}.Append(nil), proto.RepErrUnknown)
	if heard.Load() != 2 {
		t.Errorf("%d errors heard, want 2", heard.Load())
	}
}
