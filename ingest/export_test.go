package ingest

import (
	"encoding/binary"
	"iter"
	"slices"

	"vbfs/index/block"
)

// Seed makes what is random the same at each run.
func (o *Options) Seed(s uint64) { o.seed = seeded(s) }

func seeded(s uint64) *[32]byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], s)
	return &seed
}

// AuditSize is how many blocks are audited when so many changed.
func AuditSize(changed int64) int64 { return auditSize(changed) }

// Sample gives blocks of a disk of n that were not reported: k of them, or all.
func Sample(seed uint64, reports []block.Range, n, k int64) []block.Range {
	var told reported
	for j := range jobs(spansOf(reports)) {
		told.add(j)
	}
	ranges := told.others(n)
	if k < n-told.n {
		ranges = ranked(ranges, pick(newRand(seeded(seed)), n-told.n, k))
	}
	return slices.Collect(ranges)
}

// Batches groups ranges by n blocks.
func Batches(ranges []block.Range, n int64) [][]block.Range {
	return slices.Collect(batches(slices.Values(ranges), n))
}

func spansOf(ranges []block.Range) iter.Seq2[span, error] {
	return func(yield func(span, error) bool) {
		for _, r := range ranges {
			if !yield(span{r, false}, nil) {
				return
			}
		}
	}
}
