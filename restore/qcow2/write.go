package qcow2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// A Writer makes an image of what comes in order of the disk's offsets.
type Writer struct {
	w    io.Writer
	size int64 // of the disk
	at   int64 // of the disk: all before it has come
	next int64 // cluster of the file that is written next
	l1   []uint64
	l2   []uint64 // of the data of late, and whether there is some
	span int64    // of the disk that it tells of; -1 is none
}

// NewWriter begins an image of a disk of size bytes. w gets the file's bytes from ClusterSize on.
func NewWriter(w io.Writer, size int64) (*Writer, error) {
	if size < 0 || size > maxDisk {
		return nil, fmt.Errorf("%w: a disk of %d bytes", ErrTooLarge, size)
	}
	size = (size + sectorSize - 1) &^ (sectorSize - 1)
	return &Writer{w: w, size: size, next: 1, l1: make([]uint64, spans(uint64(size))), l2: make([]uint64, l2Entries), span: -1}, nil
}

// Size is the length of a file with so many bytes of data, at most: what of them is zeros is left out.
func Size(disk, data int64) int64 {
	n := clusters(data) + min(clusters(data), int64(spans(uint64(disk)))) + clusters(int64(spans(uint64(disk)))*entrySize) + 1
	blocks, table := counts(n)
	return (n + blocks + table) * ClusterSize
}

// Data writes what the disk has at off, in whole clusters, but at its end. Clusters of zeros are left out.
func (w *Writer) Data(p []byte, off int64) error {
	if err := w.follow(off, int64(len(p))); err != nil {
		return err
	}
	w.at = off + int64(len(p))
	for len(p) > 0 {
		n, data := alike(p[:min(int64(len(p)), l2Span-off%l2Span)])
		if data {
			if err := w.clusters(p[:n], off); err != nil {
				return err
			}
		}
		p, off = p[n:], off+n
	}
	return nil
}

// Zero leaves a range out.
func (w *Writer) Zero(off, n int64) error {
	err := w.follow(off, n)
	if err == nil {
		w.at = off + n
	}
	return err
}

// follow tells whether a range begins where the last one ended.
func (w *Writer) follow(off, n int64) error {
	if off != w.at || off%ClusterSize != 0 || n < 0 || n > w.size-off {
		return fmt.Errorf("%w: %d bytes at %d, after %d of %d", ErrOrder, n, off, w.at, w.size)
	}
	return nil
}

// clusters writes data of one span.
func (w *Writer) clusters(p []byte, off int64) error {
	if span := off / l2Span; span != w.span {
		if err := w.endSpan(); err != nil {
			return err
		}
		w.span = span
	}
	for i := range clusters(int64(len(p))) {
		w.l2[off/ClusterSize%l2Entries+i] = uint64(w.next+i)*ClusterSize | copied
	}
	return w.write(p)
}

// endSpan writes the table of the data that was written last, behind it. Where there is none, there is no table.
func (w *Writer) endSpan() error {
	if w.span < 0 {
		return nil
	}
	w.l1[w.span] = uint64(w.next)*ClusterSize | copied
	err := w.write(numbers(w.l2))
	clear(w.l2)
	w.span = -1
	return err
}

// End writes what is behind the last data, and gives the first cluster, and the length of the file.
func (w *Writer) End() (first []byte, length int64, err error) {
	if (w.at+sectorSize-1)&^(sectorSize-1) != w.size {
		return nil, 0, fmt.Errorf("%w: %d bytes of %d have come", ErrOrder, w.at, w.size)
	}
	if err := w.endSpan(); err != nil {
		return nil, 0, err
	}
	h := header{size: uint64(w.size), l1Len: uint32(len(w.l1)), l1: uint64(w.next) * ClusterSize}
	if err := w.write(numbers(w.l1)); err != nil {
		return nil, 0, err
	}
	table, err := w.refcounts()
	if err != nil {
		return nil, 0, err
	}
	h.refcountTable, h.refcountClusters = uint64(w.next)*ClusterSize, uint32(clusters(int64(entrySize*len(table))))
	err = w.write(numbers(table))
	return h.marshal(), w.next * ClusterSize, err
}

// refcounts writes the blocks of refcounts, and gives the table of where they are.
func (w *Writer) refcounts() (table []uint64, err error) {
	blocks, clusters := counts(w.next)
	all := w.next + blocks + clusters
	b := make([]byte, ClusterSize)
	for i := range refcounts {
		binary.BigEndian.PutUint16(b[2*i:], 1)
	}
	for i := range blocks {
		table = append(table, uint64(w.next)*ClusterSize)
		if used := all - i*refcounts; used < refcounts {
			clear(b[2*used:])
		}
		if err := w.write(b); err != nil {
			return nil, err
		}
	}
	return table, nil
}

// counts is how many blocks of refcounts and clusters of their table it takes to count n clusters, and these.
func counts(n int64) (blocks, table int64) {
	for {
		b := (n + blocks + table + refcounts - 1) / refcounts
		t := clusters(b * entrySize)
		if b == blocks && t == table {
			return b, t
		}
		blocks, table = b, t
	}
}

// write writes whole clusters, the last of which may be short.
func (w *Writer) write(p []byte) error {
	short := int64(len(p))
	for _, part := range [][]byte{p, zeros[:clusters(short)*ClusterSize-short]} {
		n, err := w.w.Write(part)
		if err == nil && n < len(part) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("write %d bytes at %d: %w", len(part), w.next*ClusterSize, err)
		}
	}
	w.next += clusters(short)
	return nil
}

var zeros [ClusterSize]byte

// alike tells how far clusters from the first on are of data, or of zeros.
func alike(p []byte) (n int64, data bool) {
	for n < int64(len(p)) {
		end := min(n+ClusterSize, int64(len(p)))
		is := !bytes.Equal(p[n:end], zeros[:end-n])
		if n > 0 && is != data {
			break
		}
		n, data = end, is
	}
	return n, data
}
