package nbdsrv_test

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"vbfs/nbdsrv"
	"vbfs/nbdsrv/exporttest"
	"vbfs/nbdsrv/proto"
)

// FuzzServer sends anything after the greeting. The server must neither crash nor hang, and must close its end when the
// client has closed its own.
func FuzzServer(f *testing.F) {
	flags := proto.AppendClientFlags(nil, proto.ClientFixedNewstyle|proto.ClientNoZeroes)
	option := func(b []byte, code proto.OptionCode, payload []byte) []byte {
		return append(proto.Option{Code: code, Len: uint32(len(payload))}.Append(b), payload...)
	}
	negotiated := option(flags, proto.OptStructuredReply, nil)
	negotiated = option(negotiated, proto.OptSetMetaContext, proto.MetaRequest{Queries: []string{"base:allocation"}}.Append(nil))
	negotiated = option(negotiated, proto.OptGo, proto.ExportRequest{}.Append(nil))
	f.Add(flags)
	f.Add(option(flags, proto.OptList, nil))
	f.Add(option(flags, proto.OptExportName, nil))
	for _, c := range []proto.Command{proto.CmdRead, proto.CmdWrite, proto.CmdBlockStatus, proto.CmdCache, proto.CmdFlush, proto.CmdDisc} {
		f.Add(proto.Request{Type: c, Length: 4096}.Append(negotiated[:len(negotiated):len(negotiated)]))
	}
	m, _ := exporttest.Random(1<<20, 64<<10, 51)
	socket := serve(f, one(m), nbdsrv.Options{})
	f.Fuzz(func(t *testing.T, b []byte) {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		go func() {
			conn.Write(b)
			conn.(*net.UnixConn).CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
			t.Fatalf("the server hangs: %v", err)
		}
	})
}
