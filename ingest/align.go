package ingest

import (
	"fmt"
	"iter"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A span is a run of blocks to be read or, when zero, to be recorded as zero.
type span struct {
	block.Range
	zero bool
}

// join checks a source's extents and joins neighbours of one kind. With full they must cover the disk.
func join(extents iter.Seq2[Extent, error], size int64, full bool) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		var run Extent
		for e, err := range extents {
			if err == nil {
				err = check(e, run.Off+run.Len, size, full)
			}
			if err != nil {
				yield(Extent{}, err)
				return
			}
			if run.Off+run.Len == e.Off && run.Zero == e.Zero {
				run.Len += e.Len
				continue
			}
			if run.Len > 0 && !yield(run, nil) {
				return
			}
			run = e
		}
		if full && run.Off+run.Len != size {
			yield(Extent{}, fmt.Errorf("%w: they end at %d of %d bytes", ErrExtents, run.Off+run.Len, size))
			return
		}
		if run.Len > 0 {
			yield(run, nil)
		}
	}
}

// check refuses an extent that overlaps what came before, which ends at next, or lies outside of the disk.
func check(e Extent, next, size int64, full bool) error {
	if e.Len <= 0 || e.Off < next || e.Off > size || e.Len > size-e.Off {
		return fmt.Errorf("%w: %d bytes at %d after %d, of a disk of %d bytes", ErrExtents, e.Len, e.Off, next, size)
	}
	if full && e.Off != next {
		return fmt.Errorf("%w: nothing is said of the bytes %d to %d", ErrExtents, next, e.Off)
	}
	return nil
}

// align turns joined extents into spans of blocks, in order and without overlap: data rounded out, zeros in.
func align(extents iter.Seq2[Extent, error], size int64) iter.Seq2[span, error] {
	return func(yield func(span, error) bool) {
		next := int64(0) // first block that no span has yet
		emit := func(first, end int64, zero bool) bool {
			first = max(first, next)
			if first >= end {
				return true
			}
			next = end
			return yield(span{block.Range{First: first, N: end - first}, zero}, nil)
		}
		for e, err := range extents {
			if err != nil {
				yield(span{}, err)
				return
			}
			outer, zero := block.Outer(e.Off, e.Len), block.Range{}
			if e.Zero {
				zero = block.Inner(e.Off, e.Len, size)
			}
			if zero.N == 0 {
				zero = block.Range{First: outer.End()}
			}
			if !emit(outer.First, zero.First, false) || !emit(zero.First, zero.End(), true) || !emit(zero.End(), outer.End(), false) {
				return
			}
		}
	}
}

// A job is the unit of work: what is to be done in one leaf range, or blocks to be compared with the parent.
type job struct {
	leaf  int64
	spans []span
	audit []block.Range // when there are no spans
}

// jobs cuts spans at the bounds of leaves and groups them by leaf.
func jobs(spans iter.Seq2[span, error]) iter.Seq2[job, error] {
	return func(yield func(job, error) bool) {
		var j job
		for s, err := range spans {
			if err != nil {
				yield(job{}, err)
				return
			}
			for s.N > 0 {
				leaf := s.First >> format.Log2Leaf
				if leaf != j.leaf && len(j.spans) > 0 {
					if !yield(j, nil) {
						return
					}
					j = job{}
				}
				n := min(s.N, (leaf+1)<<format.Log2Leaf-s.First)
				j.leaf = leaf
				j.spans = append(j.spans, span{block.Range{First: s.First, N: n}, s.zero})
				s.First, s.N = s.First+n, s.N-n
			}
		}
		if len(j.spans) > 0 {
			yield(j, nil)
		}
	}
}
