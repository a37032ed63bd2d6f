package nbd

import (
	"context"
	"fmt"
	"iter"

	"vbfs/ingest"
	"vbfs/libnbd"
)

// statusSize is the length of the largest block status request: the protocol has 32 bits for it, this is aligned to
// every block size. A fragmented disk is answered in parts all the same.
const statusSize = 2 << 30

// Extents yields the disk's extents: all of them, or with bitmaps those that are dirty in any.
func (s *Source) Extents(ctx context.Context) iter.Seq2[ingest.Extent, error] {
	return func(yield func(ingest.Extent, error) bool) {
		var last ingest.Extent // not yielded yet: the next answer may go on with it
		for off := int64(0); off < s.export.size; {
			part, end, err := s.status(ctx, off)
			if err != nil {
				yield(ingest.Extent{}, fmt.Errorf("extents at %d from %s: %w", off, s.uri, err))
				return
			}
			for _, e := range part {
				if joins(last, e) {
					last.Len += e.Len
					continue
				}
				if last.Len > 0 && !yield(last, nil) {
					return
				}
				last = e
			}
			off = end
		}
		if last.Len > 0 {
			yield(last, nil)
		}
	}
}

// status asks for the extents from off on, and returns how far the answer reaches: further than off.
func (s *Source) status(ctx context.Context, off int64) ([]ingest.Extent, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if !s.export.alloc && !s.export.dirty {
		return []ingest.Extent{{Off: off, Len: s.export.size - off}}, s.export.size, nil
	}
	c, err := s.borrow(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer func() { s.idle <- c }()
	return c.status(ctx, off, min(s.export.size-off, statusSize))
}

func (c *connection) status(ctx context.Context, off, n int64) ([]ingest.Extent, int64, error) {
	answers := map[string][]run{}
	var bad error
	collect := func(name string, _ uint64, entries []uint32, _ *int) int {
		runs, err := parseRuns(entries, n)
		if answers[name] != nil && err == nil {
			err = fmt.Errorf("%w: two answers", ErrProtocol)
		}
		if err != nil && bad == nil {
			bad = fmt.Errorf("%s: %w", name, err)
		}
		answers[name] = runs
		return 0
	}
	err := c.Once(ctx, func() (uint64, error) { return c.AioBlockStatus(uint64(n), uint64(off), collect, nil) })
	for _, err := range []error{err, bad} {
		if err != nil {
			return nil, 0, err
		}
	}
	return c.merge(answers, off, n)
}

// merge makes extents of the answers to one request; a context that was granted must have answered.
func (c *connection) merge(answers map[string][]run, off, n int64) ([]ingest.Extent, int64, error) {
	dirty, alloc := everything(n, stateDirty), everything(n, 0)
	if c.export.dirty {
		dirty = everything(n, 0)
		for _, context := range c.bitmaps {
			dirty = union(dirty, answers[context])
		}
	}
	if c.export.alloc {
		alloc = answers[libnbd.CONTEXT_BASE_ALLOCATION]
	}
	extents, end := combine(dirty, alloc, off)
	if end == off {
		return nil, 0, fmt.Errorf("%w: block status without an answer for every context", ErrProtocol)
	}
	return extents, end, nil
}
