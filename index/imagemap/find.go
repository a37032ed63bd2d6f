package imagemap

import (
	"context"
	"fmt"
	"iter"

	"vbfs/index/block"
	"vbfs/index/format"
)

// Find gives the run that block n is in, from n on to the end of what one node knows: zero children that follow each
// other are one run, however large the hole; other runs end with their leaf.
func (m *Map) Find(ctx context.Context, n int64) (Run, error) {
	if n < 0 || n >= m.blocks {
		return Run{}, fmt.Errorf("block %d of %d: %w", n, m.blocks, ErrRange)
	}
	at := m.root
	for level := m.height - 1; level > 0; level-- {
		index := n / format.Span(level)
		i := int(index % format.Fan)
		if at.inner.Children[i].Kind == format.Zero {
			index += int64(zeros(at.inner.Children[i:]))
			return Run{First: n, N: min(index*format.Span(level), m.blocks) - n, Kind: format.Zero}, nil
		}
		var err error
		if at, err = m.load(ctx, level, index, at.inner.Children[i]); err != nil {
			return Run{}, err
		}
	}
	return absolute(n>>format.Log2Leaf, at.leaf.Find(int(n%format.LeafSize))).from(n), nil
}

// zeros counts how many of the children are zero before the first that is not.
func zeros(children []format.Child) int {
	for i := range children {
		if children[i].Kind != format.Zero {
			return i
		}
	}
	return len(children)
}

// Runs gives the runs of the blocks of r in order, none of them longer or shorter than it could be. An error is the
// last that it gives.
func (m *Map) Runs(ctx context.Context, r block.Range) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		var last Run
		for n := r.First; n < r.End(); {
			next, err := m.Find(ctx, n)
			if err != nil {
				if last.N == 0 || yield(last, nil) {
					yield(Run{}, err)
				}
				return
			}
			next = next.until(r.End())
			n = next.End()
			switch {
			case last.N > 0 && last.follows(next):
				last.N += next.N
			case last.N > 0 && !yield(last, nil):
				return
			default:
				last = next
			}
		}
		if last.N > 0 {
			yield(last, nil)
		}
	}
}
