package proto

import (
	"encoding/binary"
	"fmt"
)

const magicRequest uint32 = 0x25609513 // "Request message"

// RequestLen is the length in bytes of a request without the payload of a WRITE.
const RequestLen = 28

// A Command is what a request asks for ("Request types").
type Command uint16

const (
	CmdRead        Command = 0
	CmdWrite       Command = 1
	CmdDisc        Command = 2
	CmdFlush       Command = 3
	CmdTrim        Command = 4
	CmdCache       Command = 5
	CmdWriteZeroes Command = 6
	CmdBlockStatus Command = 7
)

// A Request is what a client asks of an export. Cookie is the client's own: replies carry it back.
type Request struct {
	Flags  uint16
	Type   Command
	Cookie uint64
	Offset uint64
	Length uint32
}

// Append encodes r.
func (r Request) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, magicRequest)
	b = binary.BigEndian.AppendUint16(b, r.Flags)
	b = binary.BigEndian.AppendUint16(b, uint16(r.Type))
	b = binary.BigEndian.AppendUint64(b, r.Cookie)
	b = binary.BigEndian.AppendUint64(b, r.Offset)
	return binary.BigEndian.AppendUint32(b, r.Length)
}

// DecodeRequest is the inverse of Request.Append.
func DecodeRequest(b []byte) (Request, error) {
	if len(b) != RequestLen || binary.BigEndian.Uint32(b) != magicRequest {
		return Request{}, fmt.Errorf("request: %w", ErrMalformed)
	}
	return Request{
		Flags:  binary.BigEndian.Uint16(b[4:]),
		Type:   Command(binary.BigEndian.Uint16(b[6:])),
		Cookie: binary.BigEndian.Uint64(b[8:]),
		Offset: binary.BigEndian.Uint64(b[16:]),
		Length: binary.BigEndian.Uint32(b[24:]),
	}, nil
}
