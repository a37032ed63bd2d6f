package nbdsrv

import (
	"time"

	"vbfs/nbdsrv/proto"
)

const (
	// pieceMax is how many bytes of data go into a chunk where the reply may have several. A buffer of that size stays in
	// the second-level cache between the export's copy and the kernel's.
	pieceMax = 256 << 10

	// pieceAlign is what chunks end at where they must end early, in bytes, so that no block is asked for twice.
	pieceAlign = 64 << 10

	// roomMin is how much room a buffer must have, in bytes, to go on with another run; else it is sent first.
	roomMin = 4<<10 + proto.DataHeadLen
)

// read answers a READ and teaches the pace how quick the export is.
func (t *session) read(r proto.Request, more bool) {
	b := getBuffer(t.piece(r))
	defer b.put()
	start := time.Now()
	if t.inChunks(r) {
		t.fillChunks(b, r)
	} else {
		t.fillWhole(b, r)
	}
	if r.Length <= inlineMax {
		t.pace.note(time.Since(start))
	}
	t.replies.send(b.b, more)
}

// inChunks tells whether the reply to r may have several chunks.
func (t *session) inChunks(r proto.Request) bool {
	return t.structured && r.Flags&proto.CmdFlagDF == 0
}

// piece is how many bytes of r's data are in memory at once.
func (t *session) piece(r proto.Request) int {
	if t.inChunks(r) {
		return int(min(r.Length, pieceMax))
	}
	return int(r.Length)
}

// fillWhole puts the only part of a reply into b: a simple reply, or with DF one chunk, holes as zeros.
func (t *session) fillWhole(b *buffer, r proto.Request) {
	if t.structured {
		b.b = proto.AppendDataHead(b.b, proto.FlagDone, r.Cookie, r.Offset, r.Length)
	} else {
		b.b = proto.SimpleReply{Cookie: r.Cookie}.Append(b.b)
	}
	p := b.extend(int(r.Length))
	if err := readFull(t.exp, p, int64(r.Offset)); err != nil {
		b.b = t.fail(b.b[:0], r, err, nil)
	}
}

// fillChunks puts the chunks of a reply into b, a chunk per run. When b is full it is sent, so that only the last chunks
// are left in b. An error ends the reply: the chunks before it were true.
func (t *session) fillChunks(b *buffer, r proto.Request) {
	off := int64(r.Offset)
	end := off + int64(r.Length)
	for off < end {
		if cap(b.b)-len(b.b) < roomMin {
			t.replies.send(b.b, true)
			b.b = b.b[:0]
		}
		n, data, err := runAt(t.exp, off, end)
		switch {
		case err != nil:
		case data:
			n, err = t.appendData(b, r, off, n)
		default:
			t.appendHole(b, r, off, n)
		}
		if err != nil {
			at := uint64(off)
			b.b = t.fail(b.b, r, err, &at)
			return
		}
		off += n
	}
}

// appendData reads up to n bytes at off into a chunk in b, and tells how many. After an error b is as it was.
func (t *session) appendData(b *buffer, r proto.Request, off, n int64) (int64, error) {
	n = fit(off, n, int64(cap(b.b)-len(b.b)-proto.DataHeadLen))
	before := len(b.b)
	b.b = proto.AppendDataHead(b.b, doneAt(r, off+n), r.Cookie, uint64(off), uint32(n))
	err := readFull(t.exp, b.extend(int(n)), off)
	if err != nil {
		b.b = b.b[:before]
	}
	return n, err
}

// appendHole puts a chunk into b that says that n bytes at off are zeros.
func (t *session) appendHole(b *buffer, r proto.Request, off, n int64) {
	b.b = proto.Chunk{
		Flags: doneAt(r, off+n), Type: proto.ChunkOffsetHole, Cookie: r.Cookie, Len: proto.HoleLen - proto.ChunkLen,
	}.Append(b.b)
	b.b = proto.Hole{Offset: uint64(off), Len: uint32(n)}.Append(b.b)
}

// fit is how many of n bytes at off go into a chunk with room for room bytes: all, or as many as end aligned.
func fit(off, n, room int64) int64 {
	if n <= room {
		return n
	}
	if aligned := (off+room)&^(pieceAlign-1) - off; aligned > 0 {
		return aligned
	}
	return room
}

// doneAt is the flag of a chunk that ends at off: the one that ends with the request is the last.
func doneAt(r proto.Request, off int64) uint16 {
	if uint64(off) == r.Offset+uint64(r.Length) {
		return proto.FlagDone
	}
	return 0
}
