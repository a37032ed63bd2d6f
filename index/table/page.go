package table

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
)

// bbolt's file format, version 2: pages in the byte order of the machine, a page header, elements of 16 bytes, and
// keys and values behind them.
//
//	page     0 id u64   8 flags u16   10 count u16   12 overflow u32   16 elements
//	branch   0 pos u32  4 key size u32               8 child u64
//	leaf     0 flags    4 pos u32     8 key size u32 12 value size u32
//	meta     0 magic    4 version     8 page size    12 flags   16 root u64  24 sequence  32 freelist  40 pages u64
//	         48 txid u64   56 FNV-1a of the 56 bytes before
//	bucket   0 root u64 (0: its only page follows inline)   8 sequence u64   16 inline page
const (
	pageSize    = 4096
	headerSize  = 16
	elementSize = 16
	metaSize    = 64
	bucketSize  = 16

	flagBranch = 1
	flagLeaf   = 2

	metaMagic   = 0xED0CDAED
	metaVersion = 2

	maxDepth = 10 // of a tree; its pages hold 100 children
)

var order = binary.NativeEndian

// pages is a mapped file. Its methods, and those of page and tree, read what others may have damaged: they panic with a
// runtime error where a bound is exceeded, and are called under guard.
type pages []byte

// A page is a node of a bucket's tree.
type page struct {
	b    []byte
	leaf bool
	n    int // elements
}

func (m pages) page(id uint64) (page, error) {
	if id < 2 || id >= uint64(len(m))/pageSize {
		return page{}, damaged("page %d of %d", id, len(m)/pageSize)
	}
	b := m[id*pageSize:]
	if order.Uint64(b) != id {
		return page{}, damaged("page %d says that it is another", id)
	}
	more := int(order.Uint32(b[12:]))
	return parsePage(b[:(1+more)*pageSize])
}

func parsePage(b []byte) (page, error) {
	flags := order.Uint16(b[8:])
	p := page{b: b, leaf: flags == flagLeaf, n: int(order.Uint16(b[10:]))}
	if flags != flagLeaf && flags != flagBranch || headerSize+p.n*elementSize > len(b) {
		return page{}, damaged("page with flags %#x and %d elements", flags, p.n)
	}
	return p, nil
}

// element gives the element's place and bytes.
func (p page) element(i int) (at int, e []byte) {
	at = headerSize + i*elementSize
	return at, p.b[at : at+elementSize]
}

func (p page) key(i int) []byte {
	at, e := p.element(i)
	if p.leaf {
		e = e[4:]
	}
	at += int(order.Uint32(e))
	return p.b[at : at+int(order.Uint32(e[4:]))]
}

func (p page) value(i int) []byte {
	at, e := p.element(i)
	at += int(order.Uint32(e[4:])) + int(order.Uint32(e[8:]))
	return p.b[at : at+int(order.Uint32(e[12:]))]
}

func (p page) child(i int) uint64 {
	_, e := p.element(i)
	return order.Uint64(e[8:])
}

// search finds the first element whose key is not below the wanted one.
func (p page) search(key []byte) (i int, exact bool) {
	lo, hi := 0, p.n
	for lo < hi {
		mid := (lo + hi) / 2
		switch bytes.Compare(p.key(mid), key) {
		case 0:
			return mid, true
		case -1:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// A meta is what a meta page tells.
type meta struct{ root, pages, txid uint64 }

// parseMeta reads a meta page, if it is a good one.
func parseMeta(b []byte) (m meta, ok bool) {
	b = b[headerSize : headerSize+metaSize]
	sum := fnv.New64a()
	sum.Write(b[:56])
	ok = order.Uint32(b) == metaMagic && order.Uint32(b[4:]) == metaVersion && order.Uint32(b[8:]) == pageSize &&
		order.Uint64(b[56:]) == sum.Sum64()
	return meta{root: order.Uint64(b[16:]), pages: order.Uint64(b[40:]), txid: order.Uint64(b[48:])}, ok
}

// meta gives the younger of the good meta pages: bbolt writes them in turns.
func (m pages) meta() (meta, error) {
	if len(m) < 4*pageSize {
		return meta{}, damaged("%d bytes", len(m))
	}
	a, aok := parseMeta(m)
	b, bok := parseMeta(m[pageSize:])
	if bok && (!aok || b.txid > a.txid) {
		a, aok = b, true
	}
	if !aok {
		return meta{}, damaged("no meta page")
	}
	if a.pages != uint64(len(m))/pageSize || len(m)%pageSize != 0 {
		return meta{}, damaged("%d bytes instead of %d pages", len(m), a.pages)
	}
	return a, nil
}
