package nbdsrv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"vbfs/nbdsrv/proto"
)

const (
	// maxOption is the longest option, in bytes, that is read to be understood: a name and some queries of the greatest
	// length. Longer ones are answered with an error.
	maxOption = 32 << 10

	// maxSkip is the longest option that is read to be thrown away. Beyond it the connection is closed, lest a client
	// keeps the server reading 4 GiB (CVE-2017-15119).
	maxSkip = 1 << 20

	// readBuffer holds a few hundred requests, so that those that arrive together cost one system call.
	readBuffer = 16 << 10

	// replyBatch is how much of a long answer is gathered before it is sent.
	replyBatch = 32 << 10
)

// A handshake is the negotiation phase of one connection. Its fields down to the blank line are what STARTTLS resets.
type handshake struct {
	structured bool // structured replies were negotiated
	status     bool // base:allocation was negotiated, for the export statusOf
	statusOf   string
	opened     Export // what the last option opened, kept for the next one; nil: nothing
	openedName string

	srv      *Server
	conn     net.Conn
	r        *bufio.Reader
	out      []byte // replies not yet sent
	secure   bool   // TLS is up
	noZeroes bool
}

// handshake negotiates with the client until it has chosen an export.
func (s *Server) handshake(ctx context.Context, conn net.Conn) (*session, error) {
	deadline := time.Now().Add(s.opts.HandshakeTimeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	h := &handshake{srv: s, conn: conn, r: bufio.NewReaderSize(conn, readBuffer)}
	err := h.negotiate(ctx)
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", errors.Join(err, h.reset()))
	}
	return newSession(h), nil
}

// negotiate greets and answers options until one of them has chosen an export, which h.opened then is.
func (h *handshake) negotiate(ctx context.Context) error {
	if err := h.greet(); err != nil {
		return err
	}
	for chosen := false; !chosen; {
		o, err := h.next()
		if err != nil {
			return err
		}
		if chosen, err = h.answer(ctx, o); err != nil {
			return fmt.Errorf("option %d: %w", o.code, err)
		}
		if err := h.flush(); err != nil {
			return err
		}
	}
	return nil
}

// greet exchanges the flags ("Newstyle negotiation"). Unknown flags of the client end the connection.
func (h *handshake) greet() error {
	h.out = proto.Greeting{Flags: proto.FlagFixedNewstyle | proto.FlagNoZeroes}.Append(h.out)
	if err := h.flush(); err != nil {
		return err
	}
	var b [proto.ClientFlagsLen]byte
	if _, err := io.ReadFull(h.r, b[:]); err != nil {
		return gone(err)
	}
	flags, err := proto.DecodeClientFlags(b[:])
	if err != nil {
		return err
	}
	h.noZeroes = flags&proto.ClientNoZeroes != 0
	if flags&^(proto.ClientFixedNewstyle|proto.ClientNoZeroes) != 0 {
		return fmt.Errorf("client flags %#x: %w", flags, errProtocol)
	}
	return nil
}

// An option as it was received. Of one longer than maxOption the payload was thrown away.
type option struct {
	code    proto.OptionCode
	payload []byte
	tooBig  bool
}

// next reads the client's next option.
func (h *handshake) next() (option, error) {
	var b [proto.OptionLen]byte
	if _, err := io.ReadFull(h.r, b[:]); err != nil {
		return option{}, gone(err)
	}
	head, err := proto.DecodeOption(b[:])
	if err != nil {
		return option{}, err
	}
	o := option{code: head.Code, tooBig: head.Len > maxOption}
	switch {
	case head.Len > maxSkip:
		return o, fmt.Errorf("option %d of %d bytes: %w", head.Code, head.Len, errProtocol)
	case o.tooBig:
		_, err = h.r.Discard(int(head.Len))
	default:
		o.payload = make([]byte, head.Len)
		_, err = io.ReadFull(h.r, o.payload)
	}
	return o, gone(err)
}

// reply appends a reply with data to what will be sent.
func (h *handshake) reply(o option, code proto.ReplyCode, data []byte) {
	h.out = proto.OptionReply{Option: o.code, Code: code, Len: uint32(len(data))}.Append(h.out)
	h.out = append(h.out, data...)
}

// refuse appends an error reply with a text for people.
func (h *handshake) refuse(o option, code proto.ReplyCode, why string) {
	h.reply(o, code, []byte(why))
}

// flush sends what reply gathered.
func (h *handshake) flush() error {
	if len(h.out) == 0 {
		return nil
	}
	_, err := h.conn.Write(h.out)
	h.out = h.out[:0]
	return err
}

// reset drops all that was negotiated and opened.
func (h *handshake) reset() error {
	err := h.drop()
	h.structured, h.status, h.statusOf = false, false, ""
	return err
}

// gone makes the end of the connection in the middle of a handshake the client's right, as scanners and probes use it.
func gone(err error) error {
	if err == io.EOF {
		return errAbort
	}
	return err
}
