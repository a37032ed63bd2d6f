package libvirt

import (
	"encoding/binary"
	"fmt"

	rpc "github.com/digitalocean/go-libvirt"
)

// A packet's fields: libvirt, src/rpc/virnetprotocol.x, virNetMessageHeader; docs/kbase/internals/rpc.
const (
	programRemote   = 0x20008086
	protocolVersion = 1
	headerLen       = 24 // program, version, procedure, type, serial, status, of 4 bytes each

	typeCall   = 0
	typeReply  = 1
	typeStream = 3
	typeHole   = 6

	statusOK       = 0
	statusError    = 1
	statusContinue = 2
)

// maxData is the most that every libvirt takes in a packet of a stream, in bytes: VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX.
const maxData = 262120

// A packet is what came of a stream.
type packet struct {
	kind, status uint32
	payload      []byte
}

// send writes a packet.
func (s *stream) send(proc, kind, status uint32, payload []byte) error {
	s.out = s.out[:0]
	for _, v := range []uint32{uint32(4 + headerLen + len(payload)), programRemote, protocolVersion, proc, kind, s.serial, status} {
		s.out = binary.BigEndian.AppendUint32(s.out, v)
	}
	s.out = append(s.out, payload...)
	defer s.waits()()
	if _, err := s.link.conn.Conn.Write(s.out); err != nil {
		return s.lost(err)
	}
	return nil
}

// open takes a packet apart. Those of others, as of calls long gone, are not ours.
func (s *stream) open(proc uint32, b []byte) (p packet, ours bool, err error) {
	field := func(i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }
	p = packet{kind: field(3), status: field(5), payload: b[headerLen:]}
	if field(0) != programRemote || field(2) != proc || field(4) != s.serial {
		return p, false, nil
	}
	if p.status == statusError || p.kind == typeStream && p.status == statusOK {
		s.busy = 0
	}
	if p.status == statusError {
		return p, true, translate(said(p.payload))
	}
	return p, true, nil
}

// said takes apart what the daemon says is wrong: remote_error in libvirt, src/rpc/virnetprotocol.x, virNetMessageError. Its text is
// the first of its strings.
func said(b []byte) error {
	if len(b) < 16 {
		return fmt.Errorf("%w: an error of %d bytes", ErrProtocol, len(b))
	}
	code, there, n := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	if there != 1 || uint64(n) > uint64(len(b)-16) {
		return rpc.Error{Code: code, Message: fmt.Sprintf("error %d of libvirt", code)}
	}
	return rpc.Error{Code: code, Message: string(b[16 : 16+n])}
}
