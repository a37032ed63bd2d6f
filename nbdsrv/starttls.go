package nbdsrv

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"

	"vbfs/nbdsrv/proto"
)

// startTLS answers STARTTLS and, when TLS is offered, goes on under it with nothing negotiated or opened before left.
func (h *handshake) startTLS(ctx context.Context, o option) error {
	switch {
	case len(o.payload) != 0:
		h.refuse(o, proto.RepErrInvalid, "the option takes no data")
		return nil
	case h.secure:
		h.refuse(o, proto.RepErrInvalid, "TLS is on already")
		return nil
	case h.srv.opts.TLS == nil:
		h.refuse(o, proto.RepErrUnsup, "TLS is not offered")
		return nil
	}
	// A client sends nothing after STARTTLS until it has the answer. Whatever lies here came from someone between it
	// and us, and must not be taken for what the client says under TLS (CVE-2021-3716).
	if h.r.Buffered() != 0 {
		return fmt.Errorf("plain text after STARTTLS: %w", errProtocol)
	}
	h.reply(o, proto.RepAck, nil)
	if err := h.flush(); err != nil {
		return err
	}
	if err := h.reset(); err != nil {
		return err
	}
	conn := tls.Server(h.conn, h.srv.opts.TLS)
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	h.conn, h.r, h.secure = conn, bufio.NewReaderSize(conn, readBuffer), true
	return nil
}
