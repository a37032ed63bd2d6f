package nbdsrv

import "vbfs/nbdsrv/proto"

const (
	// maxExtents is how many extents a reply tells of at most (CVE-2025-47711 was a reply without such a limit); clients
	// ask again for the rest.
	maxExtents = 8192

	// maxRuns is how many times the export is asked for one reply at most: many short runs may make one extent.
	maxRuns = 1 << 16

	// maxStatus is the most that such a reply takes in memory, in bytes: its extents, and their encoding.
	maxStatus = 4 * maxExtents * proto.ExtentLen
)

// blockStatus answers a BLOCK_STATUS with the extents of its range ("NBD_CMD_BLOCK_STATUS"). An error before the first
// extent is an error; after it the reply tells of what is known, and the client meets the error when it asks again.
func (t *session) blockStatus(r proto.Request, more bool) {
	limit := maxExtents
	if r.Flags&proto.CmdFlagReqOne != 0 {
		limit = 1
	}
	extents, err := extentsOf(t.exp, int64(r.Offset), int64(r.Length), limit)
	if len(extents) == 0 {
		t.replies.send(t.fail(nil, r, err, nil), more)
		return
	}
	s := proto.Status{ID: allocationID, Extents: extents}
	b := make([]byte, 0, proto.ChunkLen+s.Len())
	b = proto.Chunk{Flags: proto.FlagDone, Type: proto.ChunkBlockStatus, Cookie: r.Cookie, Len: s.Len()}.Append(b)
	t.replies.send(s.Append(b), more)
}

// extentsOf gives up to limit extents from off on that end at off+n or before. Neighbours of one kind are one extent,
// and as n < 2^32 each one's length fits.
func extentsOf(e Export, off, n int64, limit int) ([]proto.Extent, error) {
	var extents []proto.Extent
	end := off + n
	for runs := 0; off < end && runs < maxRuns; runs++ {
		n, data, err := runAt(e, off, end)
		if err != nil {
			return extents, err
		}
		state := proto.StateHole | proto.StateZero
		if data {
			state = 0
		}
		last := len(extents) - 1
		switch {
		case last >= 0 && extents[last].State == state:
			extents[last].Len += uint32(n)
		case len(extents) == limit:
			return extents, nil
		default:
			extents = append(extents, proto.Extent{Len: uint32(n), State: state})
		}
		off += n
	}
	return extents, nil
}
