package proto

import (
	"encoding/binary"
	"fmt"
)

// Magic numbers of the replies ("Simple reply message", "Structured reply chunk message").
const (
	magicSimpleReply uint32 = 0x67446698
	magicChunk       uint32 = 0x668e33ef
)

// Lengths in bytes of the replies' fixed parts.
const (
	SimpleReplyLen = 16
	ChunkLen       = 20
	DataHeadLen    = ChunkLen + 8  // an OFFSET_DATA chunk before its data
	HoleLen        = ChunkLen + 12 // a whole OFFSET_HOLE chunk
)

// A SimpleReply answers a request when structured replies were not negotiated; a READ's data follow it when Err is OK.
type SimpleReply struct {
	Err    Errno
	Cookie uint64
}

// Append encodes r.
func (r SimpleReply) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, magicSimpleReply)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Err))
	return binary.BigEndian.AppendUint64(b, r.Cookie)
}

// DecodeSimpleReply is the inverse of SimpleReply.Append.
func DecodeSimpleReply(b []byte) (SimpleReply, error) {
	if len(b) != SimpleReplyLen || binary.BigEndian.Uint32(b) != magicSimpleReply {
		return SimpleReply{}, fmt.Errorf("simple reply: %w", ErrMalformed)
	}
	return SimpleReply{Err: Errno(binary.BigEndian.Uint32(b[4:])), Cookie: binary.BigEndian.Uint64(b[8:])}, nil
}

// A ChunkType says what a chunk carries ("Structured reply types").
type ChunkType uint16

const (
	ChunkNone        ChunkType = 0
	ChunkOffsetData  ChunkType = 1
	ChunkOffsetHole  ChunkType = 2
	ChunkBlockStatus ChunkType = 5
	ChunkError       ChunkType = 1<<15 + 1
	ChunkErrorOffset ChunkType = 1<<15 + 2
)

// A Chunk is the header of one part of a structured reply; Len bytes of payload follow it.
type Chunk struct {
	Flags  uint16
	Type   ChunkType
	Cookie uint64
	Len    uint32
}

// Append encodes c.
func (c Chunk) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, magicChunk)
	b = binary.BigEndian.AppendUint16(b, c.Flags)
	b = binary.BigEndian.AppendUint16(b, uint16(c.Type))
	b = binary.BigEndian.AppendUint64(b, c.Cookie)
	return binary.BigEndian.AppendUint32(b, c.Len)
}

// DecodeChunk is the inverse of Chunk.Append.
func DecodeChunk(b []byte) (Chunk, error) {
	if len(b) != ChunkLen || binary.BigEndian.Uint32(b) != magicChunk {
		return Chunk{}, fmt.Errorf("chunk: %w", ErrMalformed)
	}
	return Chunk{
		Flags:  binary.BigEndian.Uint16(b[4:]),
		Type:   ChunkType(binary.BigEndian.Uint16(b[6:])),
		Cookie: binary.BigEndian.Uint64(b[8:]),
		Len:    binary.BigEndian.Uint32(b[16:]),
	}, nil
}

// AppendDataHead encodes what stands before the n bytes of data at off: the OFFSET_DATA chunk's header and its offset.
func AppendDataHead(b []byte, flags uint16, cookie, off uint64, n uint32) []byte {
	b = Chunk{Flags: flags, Type: ChunkOffsetData, Cookie: cookie, Len: 8 + n}.Append(b)
	return binary.BigEndian.AppendUint64(b, off)
}

// A Hole is the payload of an OFFSET_HOLE chunk: Len bytes from Offset on are zero.
type Hole struct {
	Offset uint64
	Len    uint32
}

// Append encodes h.
func (h Hole) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, h.Offset), h.Len)
}

// DecodeHole is the inverse of Hole.Append.
func DecodeHole(b []byte) (Hole, error) {
	if len(b) != HoleLen-ChunkLen {
		return Hole{}, fmt.Errorf("hole: %w", ErrMalformed)
	}
	return Hole{Offset: binary.BigEndian.Uint64(b), Len: binary.BigEndian.Uint32(b[8:])}, nil
}
