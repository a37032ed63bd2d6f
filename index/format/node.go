package format

import (
	"encoding/binary"

	"vbfs/index/block"
)

// The shape of an image map. Small leaves write a third of what large ones write when little changes per point.
const (
	Log2Leaf  = 8 // blocks a leaf: 256, 16 MiB of disk
	Log2Fan   = 8 // children an inner node
	LeafSize  = 1 << Log2Leaf
	Fan       = 1 << Log2Fan
	MaxNode   = 16 << 10 // bytes of an encoded node; so every root fits its manifest
	MaxHeight = 7        // 2^56 blocks
)

// Height gives the levels of the map of a disk of size bytes.
func Height(size int64) uint8 {
	height, nodes := uint8(1), (block.Count(size)+LeafSize-1)>>Log2Leaf
	for ; nodes > 1; height++ {
		nodes = (nodes + Fan - 1) >> Log2Fan
	}
	return height
}

// Span counts the blocks that one node of a level covers; level 1 is a leaf.
func Span(level uint8) int64 { return 1 << (Log2Leaf + Log2Fan*(int(level)-1)) }

// A RunKind tells what a run of blocks, or a child, holds. The numbers are stored.
type RunKind uint8

// The kinds of runs.
const (
	Zero    RunKind = 0
	Unknown RunKind = 1 // never captured; reading it is an error
	Data    RunKind = 2 // stored, or for a child: a node
)

// A node, leaf or inner, begins alike; its parent's pointer holds the keyed hash of all of it.
//
//	0   4   magic "vbmn"
//	4   1   version
//	5   1   level; 1 is a leaf
//	6   2   entries: blocks of a leaf, children of an inner node
//	8   2   packs p
//	10  2   runs r of a leaf, children that are nodes of an inner node
//	12  16  digest, the sum over all below
//	28  8p  pack IDs, in order of first use
const (
	nodeMagic  = "vbmn"
	nodeHeader = 28
)

type nodeHead struct {
	level   uint8
	entries int
	parts   int
	digest  block.Digest
	packs   []PackID
}

func (h nodeHead) append(b []byte) []byte {
	b = append(b, nodeMagic...)
	b = append(b, Version, h.level)
	b = binary.LittleEndian.AppendUint16(b, uint16(h.entries))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h.packs)))
	b = binary.LittleEndian.AppendUint16(b, uint16(h.parts))
	b = binary.LittleEndian.AppendUint64(b, h.digest.Lo)
	b = binary.LittleEndian.AppendUint64(b, h.digest.Hi)
	for _, p := range h.packs {
		b = append(b, p[:]...)
	}
	return b
}

func parseHead(b []byte) (h nodeHead, rest []byte, err error) {
	if len(b) < nodeHeader || len(b) > MaxNode || string(b[:4]) != nodeMagic {
		return h, nil, malformed("not a map node")
	}
	if b[4] != Version {
		return h, nil, unknown("map node of version %d; this release knows %d", b[4], Version)
	}
	h.level = b[5]
	h.entries = int(binary.LittleEndian.Uint16(b[6:]))
	packs := int(binary.LittleEndian.Uint16(b[8:]))
	h.parts = int(binary.LittleEndian.Uint16(b[10:]))
	h.digest = block.Digest{Lo: binary.LittleEndian.Uint64(b[12:]), Hi: binary.LittleEndian.Uint64(b[20:])}
	if packs > LeafSize || len(b) < nodeHeader+8*packs {
		return h, nil, malformed("map node of %d bytes with %d packs", len(b), packs)
	}
	h.packs = make([]PackID, packs)
	for i := range h.packs {
		copy(h.packs[i][:], b[nodeHeader+8*i:])
	}
	return h, b[nodeHeader+8*packs:], nil
}

// A packList numbers pack IDs in order of first use. A node has at most 256, so that half of the table stays empty.
type packList struct {
	ids   []PackID
	table [2 * LeafSize]uint16 // a pack's number and 1, at its hash or behind; 0 is empty
}

func (l *packList) number(p PackID) uint8 {
	const mix, shift = 0x9e3779b97f4a7c15, 64 - 1 - Log2Leaf // 2^64 divided by the golden ratio
	at := binary.LittleEndian.Uint64(p[:]) * mix >> shift
	for ; l.table[at] != 0; at = (at + 1) % uint64(len(l.table)) {
		if n := l.table[at] - 1; l.ids[n] == p {
			return uint8(n)
		}
	}
	l.ids = append(l.ids, p)
	l.table[at] = uint16(len(l.ids))
	return uint8(len(l.ids) - 1)
}

// DecodeNode reads a node of either form: a *Leaf or an *Inner.
func DecodeNode(b []byte) (any, error) {
	h, _, err := parseHead(b)
	if err != nil {
		return nil, err
	}
	if h.level == 1 {
		var l Leaf
		return &l, l.Unmarshal(b)
	}
	var n Inner
	return &n, n.Unmarshal(b)
}
