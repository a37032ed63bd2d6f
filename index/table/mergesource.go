package table

import (
	"context"
	"iter"

	"vbfs/index/format"
)

// mergeSource streams segments, newest first, into one.
func mergeSource(ctx context.Context, inputs []*segment, keep Keep) source {
	named := make(map[format.PackID]bool)
	src := source{
		ids:    merge(inputs, idsOf),
		points: merge(inputs, pointsOf),
		time:   inputs[0].info.ModTime(),
		check:  func() error { return firstFault(ctx, inputs) },
	}
	for _, s := range inputs {
		src.bytes += s.info.Size()
		for _, p := range s.packIDs() {
			named[p] = true
		}
	}
	if keep.Address != nil {
		src.ids = keepAddresses(src.ids, keep.Address, named)
	}
	if keep.Point != nil {
		src.points = filter(src.points, func(e element) bool {
			return len(e.key) == keySize && keep.Point(format.UUID(e.key))
		})
	}
	src.ids = until(ctx, src.ids)
	src.packs = packElements(named)
	return src
}

// keepAddresses drops entries, and the names of packs that thereby lose all that they have here. A pack without entries,
// as newer ones have superseded them, stays named.
func keepAddresses(ids iter.Seq[element], keep func(format.Address) bool, named map[format.PackID]bool) iter.Seq[element] {
	kept := make(map[format.PackID]bool)
	return filter(ids, func(e element) bool {
		a, err := format.ParseAddress(e.val)
		if err != nil {
			return false
		}
		ok := keep(a)
		kept[a.Pack] = kept[a.Pack] || ok
		named[a.Pack] = kept[a.Pack]
		return ok
	})
}

func filter(seq iter.Seq[element], keep func(element) bool) iter.Seq[element] {
	return func(yield func(element) bool) {
		for e := range seq {
			if keep(e) && !yield(e) {
				return
			}
		}
	}
}

// until ends early when ctx is done; firstFault tells so then.
func until(ctx context.Context, seq iter.Seq[element]) iter.Seq[element] {
	return func(yield func(element) bool) {
		for e := range seq {
			if ctx.Err() != nil || !yield(e) {
				return
			}
		}
	}
}

// firstFault tells why a merge must not be used.
func firstFault(ctx context.Context, inputs []*segment) error {
	for _, s := range inputs {
		if err := s.fault.Load(); err != nil {
			return *err
		}
	}
	return ctx.Err()
}
