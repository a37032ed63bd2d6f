package format

import (
	"bytes"
	"encoding/binary"

	"vbfs/index/block"
)

// A Run is a run of blocks of one kind inside a leaf. Data runs lie in consecutive slots of one pack from At on.
type Run struct {
	First, N int // block numbers inside the leaf
	Kind     RunKind
	At       Address
}

// Address gives where block i of the leaf lies; i is inside a data run.
func (r Run) Address(i int) Address { return Address{r.At.Pack, r.At.Slot + uint16(i-r.First)} }

// follows tells whether s can be part of r: what comes right after it and is of the same kind and place.
func (r Run) follows(s Run) bool {
	if r.Kind != s.Kind || r.First+r.N != s.First {
		return false
	}
	return r.Kind != Data || r.At.Pack == s.At.Pack && int(r.At.Slot)+r.N == int(s.At.Slot)
}

// A Leaf tells where up to 256 blocks lie. Its runs cover blocks 0 to N-1 in order, none of them longer or shorter
// than it could be.
//
// After the head that every node has, a leaf has 5 bytes a run:
//
//	0  1  blocks - 1
//	1  1  kind
//	2  1  pack, by its number in the list
//	3  2  slot minus the one after the leaf's previous run in that pack (or 0), modulo 65,536
type Leaf struct {
	N      int
	Digest block.Digest
	Runs   []Run
}

const runSize = 5

// Append adds a run, joining it with the last where they meet.
func (l *Leaf) Append(r Run) {
	if n := len(l.Runs); n > 0 && l.Runs[n-1].follows(r) {
		l.Runs[n-1].N += r.N
	} else {
		l.Runs = append(l.Runs, r)
	}
	l.N = r.First + r.N
}

// Marshal gives the leaf's bytes: at most 28 + 256*8 + 256*5 = 3,356.
func (l *Leaf) Marshal() []byte {
	var packs packList
	runs := make([]byte, 0, runSize*len(l.Runs))
	var next [LeafSize]uint16 // by a pack's number: the slot after its last run
	for _, r := range l.Runs {
		var pack uint8
		var delta uint16
		if r.Kind == Data {
			pack = packs.number(r.At.Pack)
			delta = r.At.Slot - next[pack]
			next[pack] = r.At.Slot + uint16(r.N)
		}
		runs = append(runs, uint8(r.N-1), uint8(r.Kind), pack)
		runs = binary.LittleEndian.AppendUint16(runs, delta)
	}
	head := nodeHead{level: 1, entries: l.N, parts: len(l.Runs), digest: l.Digest, packs: packs.ids}
	return append(head.append(nil), runs...)
}

// Unmarshal reads a leaf's bytes.
func (l *Leaf) Unmarshal(b []byte) error {
	h, rest, err := parseHead(b)
	if err != nil {
		return err
	}
	if h.level != 1 || len(rest) != runSize*h.parts || h.parts > LeafSize {
		return malformed("not a map leaf")
	}
	*l = Leaf{Digest: h.digest, Runs: make([]Run, 0, h.parts)}
	var next [LeafSize]uint16
	for ; len(rest) > 0; rest = rest[runSize:] {
		r := Run{First: l.N, N: int(rest[0]) + 1, Kind: RunKind(rest[1])}
		if r.Kind > Data {
			return unknown("run of kind %d", r.Kind)
		}
		if r.Kind == Data {
			if int(rest[2]) >= len(h.packs) {
				return malformed("run in pack %d of %d", rest[2], len(h.packs))
			}
			p := &next[rest[2]]
			r.At = Address{h.packs[rest[2]], *p + binary.LittleEndian.Uint16(rest[3:])}
			*p = r.At.Slot + uint16(r.N)
			if int(r.At.Slot)+r.N > 1<<16 {
				return malformed("run beyond the last slot")
			}
		}
		l.Append(r)
	}
	if l.N != h.entries || l.N > LeafSize || !bytes.Equal(l.Marshal(), b) {
		return malformed("map leaf is not in its one encoding")
	}
	return nil
}

// Find gives the run that block i of the leaf is in, 0 <= i < N.
func (l *Leaf) Find(i int) Run {
	lo, hi := 0, len(l.Runs)-1
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if l.Runs[mid].First <= i {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return l.Runs[lo]
}
