package ingest

import (
	"context"
	"io"
	"iter"
)

// An Extent is a run of bytes of a disk that a Source reports: Off and Len in bytes, Len > 0. A Zero extent
// reads as zero bytes and need not be read.
type Extent struct {
	Off, Len int64
	Zero     bool
}

// A Source is what one disk is captured from.
//
// It stands for one instant: what ReadAt gives and Extents yields does not change while it is open, so it is a snapshot, a
// disk at rest, or watches itself (Disk.After). What is written to a disk behind its Extents' back looks like a tracking
// that lies, which costs a full read.
//
// ReadAt is called by several goroutines at once, for ranges of up to a few MiB inside [0, Size). It fills the
// whole buffer or returns an error: a short read without an error is a broken source, never zeros.
type Source interface {
	io.ReaderAt
	io.Closer

	// Size is the disk's length in bytes at the instant of capture.
	Size() int64

	// Extents yields the disk's extents ordered by offset, without overlap. Ranges that it does not yield are
	// unchanged from the parent, and some of them are read to see whether they are; in a full every byte is yielded, or it is an error. After an error it ends.
	Extents(ctx context.Context) iter.Seq2[Extent, error]
}
