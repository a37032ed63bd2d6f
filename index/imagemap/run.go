package imagemap

import (
	"vbfs/index/format"
)

// A Run is a run of blocks of one kind. First is an absolute block number. Data runs lie in consecutive slots of one
// pack from At on.
type Run struct {
	First, N int64
	Kind     format.RunKind
	At       format.Address
}

// End is the number after the last block of r.
func (r Run) End() int64 { return r.First + r.N }

// Address gives where block n lies; n is inside of r, which is a data run.
func (r Run) Address(n int64) format.Address {
	return format.Address{Pack: r.At.Pack, Slot: r.At.Slot + uint16(n-r.First)}
}

// from gives r without the blocks before n.
func (r Run) from(n int64) Run {
	if r.Kind == format.Data {
		r.At = r.Address(n)
	}
	r.First, r.N = n, r.End()-n
	return r
}

// until gives r without the blocks from n on.
func (r Run) until(n int64) Run {
	r.N = min(r.N, n-r.First)
	return r
}

// follows tells whether s goes on where r ends, in the disk and in the pack.
func (r Run) follows(s Run) bool {
	if r.Kind != s.Kind || r.End() != s.First {
		return false
	}
	return r.Kind != format.Data || r.At.Pack == s.At.Pack && int64(r.At.Slot)+r.N == int64(s.At.Slot)
}

// absolute makes a leaf's run one of the disk.
func absolute(leaf int64, r format.Run) Run {
	return Run{leaf<<format.Log2Leaf + int64(r.First), int64(r.N), r.Kind, r.At}
}
