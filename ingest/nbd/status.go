package nbd

import (
	"fmt"

	"vbfs/ingest"
	"vbfs/libnbd"
)

// stateDirty is the bit of qemu:dirty-bitmap contexts that says that a range has changed: QEMU, docs/interop/nbd.txt.
const stateDirty uint32 = 1

// A run is a length of one state, as one metadata context reports it.
type run struct {
	length int64
	state  uint32
}

// parseRuns checks one context's answer to a request for want bytes and cuts it to them. NBD specification,
// "NBD_REPLY_TYPE_BLOCK_STATUS": at least one extent, none empty; they may end early, and only the last may reach
// beyond the request.
func parseRuns(entries []uint32, want int64) ([]run, error) {
	if len(entries) == 0 || len(entries)%2 != 0 {
		return nil, fmt.Errorf("%w: block status of %d values", ErrProtocol, len(entries))
	}
	runs := make([]run, 0, len(entries)/2)
	left := want
	for i := 0; i < len(entries); i += 2 {
		length := int64(entries[i])
		if length == 0 {
			return nil, fmt.Errorf("%w: block status with an empty extent", ErrProtocol)
		}
		if left == 0 {
			return nil, fmt.Errorf("%w: block status beyond the %d bytes asked for", ErrProtocol, want)
		}
		length = min(length, left)
		runs = append(runs, run{length, entries[i+1]})
		left -= length
	}
	return runs, nil
}

// everything is the answer of a context that the server does not have: one state from end to end.
func everything(want int64, state uint32) []run { return []run{{want, state}} }

// union lays the answers of two dirty bitmaps from one offset over each other, as far as both reach.
func union(a, b []run) (both []run) {
	for len(a) > 0 && len(b) > 0 {
		n := min(a[0].length, b[0].length)
		both = append(both, run{n, a[0].state | b[0].state})
		a, b = advance(a, n), advance(b, n)
	}
	return both
}

// combine lays the two contexts' answers from off over each other, as far as both reach: what is dirty, and whether
// it is zero. Neighbours of a kind become one.
func combine(dirty, alloc []run, off int64) (extents []ingest.Extent, end int64) {
	for len(dirty) > 0 && len(alloc) > 0 {
		n := min(dirty[0].length, alloc[0].length)
		if dirty[0].state&stateDirty != 0 {
			extents = push(extents, ingest.Extent{Off: off, Len: n, Zero: alloc[0].state&libnbd.STATE_ZERO != 0})
		}
		dirty, alloc = advance(dirty, n), advance(alloc, n)
		off += n
	}
	return extents, off
}

func advance(runs []run, n int64) []run {
	if runs[0].length -= n; runs[0].length == 0 {
		return runs[1:]
	}
	return runs
}

func push(extents []ingest.Extent, e ingest.Extent) []ingest.Extent {
	if i := len(extents) - 1; i >= 0 && joins(extents[i], e) {
		extents[i].Len += e.Len
		return extents
	}
	return append(extents, e)
}

// joins tells whether b goes on where a ends.
func joins(a, b ingest.Extent) bool { return a.Zero == b.Zero && a.Off+a.Len == b.Off }
