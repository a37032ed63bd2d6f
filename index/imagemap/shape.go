package imagemap

import (
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A shape is what a disk's size says about its map: how many levels, nodes and entries.
type shape struct {
	size   int64
	blocks int64
	height uint8
}

func shapeOf(size int64) shape {
	return shape{size, block.Count(size), format.Height(size)}
}

// below counts the blocks of one entry of a node: a block of a leaf, a whole child of an inner node.
func below(level uint8) int64 {
	if level == 1 {
		return 1
	}
	return format.Span(level - 1)
}

// count tells how many nodes the level has.
func (s shape) count(level uint8) int64 {
	return (s.blocks + format.Span(level) - 1) / format.Span(level)
}

// entries tells how many entries node index of the level has: all that fit, fewer in the last one.
func (s shape) entries(level uint8, index int64) int {
	left := s.blocks - index*format.Span(level)
	return int(min(format.Fan, (left+below(level)-1)/below(level)))
}

func (s shape) leafInRange(i int64) error {
	if i < 0 || i >= s.count(1) {
		return fmt.Errorf("leaf %d of %d: %w", i, s.count(1), ErrRange)
	}
	return nil
}
