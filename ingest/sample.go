package ingest

import (
	"iter"
	"math/rand/v2"
	"slices"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A reported is the set of blocks that a source reported as changed: a bitmap for each leaf range that has some, in
// order. That is 40 bytes for 16 MiB of disk in which there is a change, however scattered, and none for the rest.
type reported struct {
	leaves []leafBits
	n      int64 // blocks
}

type leafBits struct {
	leaf int64
	bits [format.LeafSize / 64]uint64
}

func (b *leafBits) has(i int64) bool { return b.bits[i/64]>>(i%64)&1 == 1 }

// add notes the blocks of a job, which comes after those before.
func (r *reported) add(j job) {
	b := leafBits{leaf: j.leaf}
	for _, s := range j.spans {
		for n := s.First; n < s.End(); n++ {
			i := n % format.LeafSize
			b.bits[i/64] |= 1 << (i % 64)
		}
		r.n += s.N
	}
	r.leaves = append(r.leaves, b)
}

// others gives the blocks of a disk that were not reported.
func (r *reported) others(blocks int64) iter.Seq[block.Range] {
	return func(yield func(block.Range) bool) {
		next := int64(0) // first block that was neither given nor reported so far
		upTo := func(end int64) bool {
			return next >= end || yield(block.Range{First: next, N: end - next})
		}
		for i := range r.leaves {
			b := &r.leaves[i]
			first := b.leaf << format.Log2Leaf
			for n := first; n < min(first+format.LeafSize, blocks); n++ {
				if !b.has(n - first) {
					continue
				}
				if !upTo(n) {
					return
				}
				next = n + 1
			}
		}
		upTo(blocks)
	}
}

// pick gives k different numbers below n in ascending order, k <= n, each such set as likely as any other.
func pick(rng *rand.Rand, n, k int64) []int64 {
	if k > n/2 {
		return missing(pick(rng, n, n-k), n)
	}
	all := make([]int64, 0, k)
	for int64(len(all)) < k {
		for range k - int64(len(all)) {
			all = append(all, rng.Int64N(n))
		}
		slices.Sort(all)
		all = slices.Compact(all)
	}
	return all
}

// missing gives the numbers below n that an ascending list does not have.
func missing(list []int64, n int64) []int64 {
	out := make([]int64, 0, n-int64(len(list)))
	for i := range n {
		if len(list) > 0 && list[0] == i {
			list = list[1:]
			continue
		}
		out = append(out, i)
	}
	return out
}

// ranked gives the blocks of these ranks, counted over ranges.
func ranked(ranges iter.Seq[block.Range], ranks []int64) iter.Seq[block.Range] {
	return func(yield func(block.Range) bool) {
		before := int64(0)
		for r := range ranges {
			for len(ranks) > 0 && ranks[0] < before+r.N {
				if !yield(block.Range{First: r.First + ranks[0] - before, N: 1}) {
					return
				}
				ranks = ranks[1:]
			}
			before += r.N
		}
	}
}

// batches cuts and groups ranges by n blocks.
func batches(ranges iter.Seq[block.Range], n int64) iter.Seq[[]block.Range] {
	return func(yield func([]block.Range) bool) {
		var batch []block.Range
		room := n
		for r := range ranges {
			for r.N > 0 {
				part := min(r.N, room)
				batch = append(batch, block.Range{First: r.First, N: part})
				r.First, r.N, room = r.First+part, r.N-part, room-part
				if room > 0 {
					continue
				}
				if !yield(batch) {
					return
				}
				batch, room = nil, n
			}
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}
