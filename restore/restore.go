package restore

import (
	"context"
	"io"
	"sync/atomic"
)

// Granule is what ranges given to a target are aligned to, in bytes: a block of an image. No sector of a device and no
// block of an NBD server is larger.
const Granule = 64 << 10

// An Image is what is restored. Both methods may be called by several goroutines at once.
type Image interface {
	// ReadAt fills the whole buffer, or returns an error.
	io.ReaderAt

	// Size is the disk's length in bytes.
	Size() int64

	// Extent tells the kind of the run at off and its length in bytes: data, or a hole that reads as zeros. A run may
	// go on behind n with more of the same kind.
	Extent(off int64) (n int64, data bool, err error)
}

// A Target is what a disk is restored to. WriteAt and Zero are called by several goroutines at once, within the disk,
// aligned to Granule, and never twice for the same byte; those of an Ordered one are not called at once.
type Target interface {
	io.WriterAt

	// Zero makes a range read as zeros, and gives its space back where it can.
	Zero(off, n int64) error

	// Sync makes all that was written durable, and a file appear under its name. Only Close may follow.
	Sync() error

	// Close releases the target. Without a Sync that succeeded it throws away what was written, if it can.
	Close() error
}

// An Ordered target is one that can be written from its beginning to its end alone: its ranges come in order of offset, one at a time,
// while what follows is read ahead.
type Ordered interface {
	Target
	Ordered()
}

// A Rereader is a target that can be verified.
type Rereader interface {
	// Reread ends the writing, makes it durable, and gives what is stored, past caches where possible. The reader may
	// be an Image too: then what it calls a hole is not read. It is valid until Sync or Close, which are all that may
	// follow, and may be used by several goroutines at once.
	Reread(ctx context.Context) (io.ReaderAt, error)
}

// A Spec says what a target is opened for.
type Spec struct {
	// Size is the disk's length in bytes.
	Size int64

	// Data is how much of it is data: the space that a sparse file needs. 0 skips the check for free space.
	Data int64

	// Format of a file: raw, qcow2 or vmdk. Empty is: by its name.
	Format string

	// Overwrite allows to replace what is there.
	Overwrite bool
}

// Options say how to copy.
type Options struct {
	// Workers is how many chunks are under way at once. 0 is 4, or the number of CPUs if that is more.
	Workers int

	// Verify compares the target with the image before it gets its name.
	Verify bool

	// Compare reads what the target holds and writes only what differs. The target must be an io.ReaderAt; if it is an
	// Image, what it calls a hole is not read.
	Compare bool

	// Where tells the ranges outside of which the target is known to hold what the image has: nothing is read or written
	// there. nil is everywhere.
	Where *Marks

	// Progress counts what is done, while it is done. nil is: nobody wants to know.
	Progress *Progress
}

// Progress counts bytes. What Data and Zero amount to in the end, Survey tells.
type Progress struct {
	Data     atomic.Int64 // of the image's data, done
	Zero     atomic.Int64 // of its zeros, done
	Same     atomic.Int64 // of both: not written, for the target has them
	Verified atomic.Int64 // compared, data and zeros
}
