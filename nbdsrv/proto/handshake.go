package proto

import (
	"encoding/binary"
	"fmt"
)

// Magic numbers of the negotiation ("Newstyle negotiation", "Fixed newstyle negotiation").
const (
	magicInit        uint64 = 0x4e42444d41474943 // "NBDMAGIC"
	magicOption      uint64 = 0x49484156454f5054 // "IHAVEOPT"
	magicOptionReply uint64 = 0x0003e889045565a9
)

// Lengths in bytes of the negotiation's fixed messages.
const (
	GreetingLen    = 18
	ClientFlagsLen = 4
	OptionLen      = 16
	OptionReplyLen = 20
)

// exportNameZeroes follow the answer to EXPORT_NAME unless both sides said NO_ZEROES.
const exportNameZeroes = 124

// An OptionCode says what the client negotiates ("Option types").
type OptionCode uint32

const (
	OptExportName      OptionCode = 1
	OptAbort           OptionCode = 2
	OptList            OptionCode = 3
	OptStartTLS        OptionCode = 5
	OptInfo            OptionCode = 6
	OptGo              OptionCode = 7
	OptStructuredReply OptionCode = 8
	OptListMetaContext OptionCode = 9
	OptSetMetaContext  OptionCode = 10
)

// A ReplyCode says what an option's reply is ("Option reply types").
type ReplyCode uint32

const (
	RepAck         ReplyCode = 1
	RepServer      ReplyCode = 2
	RepInfo        ReplyCode = 3
	RepMetaContext ReplyCode = 4

	RepErrUnsup   ReplyCode = 1<<31 + 1
	RepErrPolicy  ReplyCode = 1<<31 + 2
	RepErrInvalid ReplyCode = 1<<31 + 3
	RepErrTLSReqd ReplyCode = 1<<31 + 5
	RepErrUnknown ReplyCode = 1<<31 + 6
	RepErrTooBig  ReplyCode = 1<<31 + 9
)

// IsError tells whether the reply refuses its option.
func (c ReplyCode) IsError() bool { return c>>31 == 1 }

// A Greeting is the server's first message.
type Greeting struct{ Flags uint16 }

// Append encodes g.
func (g Greeting) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, magicInit)
	b = binary.BigEndian.AppendUint64(b, magicOption)
	return binary.BigEndian.AppendUint16(b, g.Flags)
}

// DecodeGreeting is the inverse of Greeting.Append.
func DecodeGreeting(b []byte) (Greeting, error) {
	if len(b) != GreetingLen || binary.BigEndian.Uint64(b) != magicInit || binary.BigEndian.Uint64(b[8:]) != magicOption {
		return Greeting{}, fmt.Errorf("greeting: %w", ErrMalformed)
	}
	return Greeting{Flags: binary.BigEndian.Uint16(b[16:])}, nil
}

// An Option is the header of what a client negotiates; Len bytes of payload follow it.
type Option struct {
	Code OptionCode
	Len  uint32
}

// Append encodes o.
func (o Option) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, magicOption)
	b = binary.BigEndian.AppendUint32(b, uint32(o.Code))
	return binary.BigEndian.AppendUint32(b, o.Len)
}

// DecodeOption is the inverse of Option.Append.
func DecodeOption(b []byte) (Option, error) {
	if len(b) != OptionLen || binary.BigEndian.Uint64(b) != magicOption {
		return Option{}, fmt.Errorf("option: %w", ErrMalformed)
	}
	return Option{Code: OptionCode(binary.BigEndian.Uint32(b[8:])), Len: binary.BigEndian.Uint32(b[12:])}, nil
}

// An OptionReply is the header of an answer to an option; Len bytes of data follow it.
type OptionReply struct {
	Option OptionCode
	Code   ReplyCode
	Len    uint32
}

// Append encodes r.
func (r OptionReply) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, magicOptionReply)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Option))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Code))
	return binary.BigEndian.AppendUint32(b, r.Len)
}

// DecodeOptionReply is the inverse of OptionReply.Append.
func DecodeOptionReply(b []byte) (OptionReply, error) {
	if len(b) != OptionReplyLen || binary.BigEndian.Uint64(b) != magicOptionReply {
		return OptionReply{}, fmt.Errorf("option reply: %w", ErrMalformed)
	}
	return OptionReply{
		Option: OptionCode(binary.BigEndian.Uint32(b[8:])),
		Code:   ReplyCode(binary.BigEndian.Uint32(b[12:])),
		Len:    binary.BigEndian.Uint32(b[16:]),
	}, nil
}

// AppendExportName encodes the answer to EXPORT_NAME, which has no header.
func AppendExportName(b []byte, e InfoExport, zeroes bool) []byte {
	b = binary.BigEndian.AppendUint64(b, e.Size)
	b = binary.BigEndian.AppendUint16(b, e.Flags)
	if zeroes {
		b = append(b, make([]byte, exportNameZeroes)...)
	}
	return b
}

// AppendClientFlags encodes the client's answer to the greeting.
func AppendClientFlags(b []byte, flags uint32) []byte { return binary.BigEndian.AppendUint32(b, flags) }

// DecodeClientFlags is the inverse of AppendClientFlags.
func DecodeClientFlags(b []byte) (uint32, error) {
	if len(b) != ClientFlagsLen {
		return 0, fmt.Errorf("client flags: %w", ErrMalformed)
	}
	return binary.BigEndian.Uint32(b), nil
}
