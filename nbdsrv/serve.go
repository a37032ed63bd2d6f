package nbdsrv

import (
	"fmt"

	"vbfs/nbdsrv/proto"
)

// serve answers a request that came through the door. With more, the caller flushes the replies.
func (t *session) serve(r proto.Request, more bool) {
	switch r.Type {
	case proto.CmdRead:
		t.read(r, more)
	case proto.CmdBlockStatus:
		t.blockStatus(r, more)
	case proto.CmdCache:
		if p, ok := t.exp.(interface{ Prefetch(off, n int64) }); ok {
			p.Prefetch(int64(r.Offset), int64(r.Length))
		}
		t.done(r, more)
	default: // FLUSH: there is nothing to write back
		t.done(r, more)
	}
}

// cost is how many bytes of buffer a request may hold until it is answered.
func (t *session) cost(r proto.Request) int64 {
	if r.Type != proto.CmdRead {
		return maxStatus
	}
	return bufferSize(t.piece(r))
}

// done sends a reply that says success and carries nothing.
func (t *session) done(r proto.Request, more bool) {
	if t.structured {
		t.replies.send(proto.Chunk{Flags: proto.FlagDone, Type: proto.ChunkNone, Cookie: r.Cookie}.Append(nil), more)
		return
	}
	t.replies.send(proto.SimpleReply{Cookie: r.Cookie}.Append(nil), more)
}

// refuse sends a reply that says errno.
func (t *session) refuse(r proto.Request, errno proto.Errno) {
	t.replies.send(t.appendFailure(nil, r, errno, nil), false)
}

// fail reports what the export could not do and puts the error reply behind the whole chunks in b. The client hears EIO
// whatever it was, and where when at is not nil.
func (t *session) fail(b []byte, r proto.Request, err error, at *uint64) []byte {
	t.srv.opts.OnError(fmt.Errorf("client %s: export %q: %w", t.conn.RemoteAddr(), t.name, err))
	return t.appendFailure(b, r, proto.EIO, at)
}

// appendFailure encodes the reply that ends r with errno. Simple replies know neither texts nor places.
func (t *session) appendFailure(b []byte, r proto.Request, errno proto.Errno, at *uint64) []byte {
	if !t.structured {
		return proto.SimpleReply{Err: errno, Cookie: r.Cookie}.Append(b)
	}
	f := proto.Failure{Err: errno, Message: errno.String(), At: at}
	b = proto.Chunk{Flags: proto.FlagDone, Type: f.Type(), Cookie: r.Cookie, Len: f.Len()}.Append(b)
	return f.Append(b)
}
