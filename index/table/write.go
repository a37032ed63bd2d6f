package table

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"maps"
	"slices"

	"vbfs/index/format"
)

// An Entry is where a block may lie.
type Entry struct {
	Key [keySize]byte // the first bytes of its ID
	At  format.Address
}

// A Point is a point's sealed summary, which the table does not look into.
type Point struct {
	ID     format.UUID
	Sealed []byte
}

// Write makes a segment of entries and points, in a directory that it makes if there is none, and gives its file's name;
// no name when there is nothing to write. It sorts both slices in place. Of entries with one key it keeps any one, of
// points with one ID the last. A nil error means that the segment is durable.
func Write(dir string, entries []Entry, points []Point) (name string, err error) {
	if len(entries) == 0 && len(points) == 0 {
		return "", nil
	}
	slices.SortFunc(entries, func(a, b Entry) int { return compareKeys(&a.Key, &b.Key) })
	slices.Reverse(points)
	slices.SortStableFunc(points, func(a, b Point) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return writeFile(dir, source{
		bytes:  int64(len(entries)) * entryBytes,
		ids:    entryElements(entries),
		packs:  packElements(packsIn(entries)),
		points: pointElements(points),
	})
}

// compareKeys is bytes.Compare for keys, in a third of its time.
func compareKeys(a, b *[keySize]byte) int {
	if x, y := binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(b[:]); x != y {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:]))
}

func entryElements(entries []Entry) iter.Seq[element] {
	return func(yield func(element) bool) {
		var val []byte
		for i := range entries {
			val = entries[i].At.AppendTo(val[:0])
			if !yield(element{entries[i].Key[:], val}) {
				return
			}
		}
	}
}

func packsIn(entries []Entry) map[format.PackID]bool {
	named := make(map[format.PackID]bool)
	for i := range entries {
		named[entries[i].At.Pack] = true
	}
	return named
}

// packElements gives the packs that are true, as they are when it is ranged over.
func packElements(named map[format.PackID]bool) iter.Seq[element] {
	return func(yield func(element) bool) {
		byID := func(a, b format.PackID) int { return bytes.Compare(a[:], b[:]) }
		for _, p := range slices.SortedFunc(maps.Keys(named), byID) {
			if named[p] && !yield(element{key: p[:]}) {
				return
			}
		}
	}
}

func pointElements(points []Point) iter.Seq[element] {
	return func(yield func(element) bool) {
		for i := range points {
			if len(points[i].Sealed) > MaxSummary {
				continue
			}
			if !yield(element{points[i].ID[:], points[i].Sealed}) {
				return
			}
		}
	}
}
