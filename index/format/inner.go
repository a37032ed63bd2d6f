package format

import (
	"bytes"
	"encoding/binary"

	"vbfs/index/block"
)

// A NodeHash is the first half of a node's keyed BLAKE3-256.
type NodeHash [16]byte

// A Child is what an inner node holds for each node below: all Zero, or a stored node (Data). What is unknown is stored
// as leaves, so that the digest of whatever a child stands for is known without a key. Off, Len and Codec are a hint of
// where it lies in its pack, that saves the reader the pack's trailer.
type Child struct {
	Kind  RunKind
	At    Address
	Hash  NodeHash
	Off   uint32
	Len   uint16
	Codec Codec
}

// An Inner is an inner node: up to 256 children.
//
// After the head that every node has:
//
//	0   n    kinds, a byte a child
//	n   26r  of each child that is a node:
//	         0   1   pack, by its number in the list
//	         1   2   slot
//	         3   16  hash
//	         19  4   offset in the pack
//	         23  2   stored length
//	         25  1   codec
type Inner struct {
	Level    uint8 // 2 and up
	Digest   block.Digest
	Children []Child
}

const childSize = 26

// Marshal gives the node's bytes: at most 28 + 256*8 + 256 + 256*26 = 8,988.
func (n *Inner) Marshal() []byte {
	var packs packList
	kinds, nodes := make([]byte, 0, len(n.Children)), make([]byte, 0, childSize*len(n.Children))
	parts := 0
	for _, c := range n.Children {
		kinds = append(kinds, uint8(c.Kind))
		if c.Kind != Data {
			continue
		}
		parts++
		nodes = append(nodes, packs.number(c.At.Pack))
		nodes = binary.LittleEndian.AppendUint16(nodes, c.At.Slot)
		nodes = append(nodes, c.Hash[:]...)
		nodes = binary.LittleEndian.AppendUint32(nodes, c.Off)
		nodes = binary.LittleEndian.AppendUint16(nodes, c.Len)
		nodes = append(nodes, uint8(c.Codec))
	}
	head := nodeHead{level: n.Level, entries: len(n.Children), parts: parts, digest: n.Digest, packs: packs.ids}
	return append(append(head.append(nil), kinds...), nodes...)
}

// Unmarshal reads an inner node's bytes.
func (n *Inner) Unmarshal(b []byte) error {
	h, rest, err := parseHead(b)
	if err != nil {
		return err
	}
	if h.level < 2 || h.level > MaxHeight || h.entries < 1 || h.entries > Fan || len(rest) != h.entries+childSize*h.parts {
		return malformed("not an inner map node")
	}
	*n = Inner{Level: h.level, Digest: h.digest, Children: make([]Child, h.entries)}
	nodes := rest[h.entries:]
	for i := range n.Children {
		c := &n.Children[i]
		switch c.Kind = RunKind(rest[i]); c.Kind {
		case Zero:
			continue
		case Data:
		default:
			return unknown("child of kind %d", c.Kind)
		}
		if len(nodes) < childSize || int(nodes[0]) >= len(h.packs) {
			return malformed("inner map node with a child too many")
		}
		if c.parse(h.packs[nodes[0]], nodes); c.Codec > LZ4 {
			return unknown("map node of codec %d", c.Codec)
		}
		nodes = nodes[childSize:]
	}
	if !bytes.Equal(n.Marshal(), b) {
		return malformed("inner map node is not in its one encoding")
	}
	return nil
}

func (c *Child) parse(pack PackID, b []byte) {
	c.At = Address{pack, binary.LittleEndian.Uint16(b[1:])}
	copy(c.Hash[:], b[3:])
	c.Off = binary.LittleEndian.Uint32(b[19:])
	c.Len = binary.LittleEndian.Uint16(b[23:])
	c.Codec = Codec(b[25])
}
