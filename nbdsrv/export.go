package nbdsrv

import (
	"context"
	"fmt"
	"io"
	"iter"
)

// Export is what can be served: the bytes of one disk, which do not change. Its methods are called by several
// goroutines at once.
//
// An Export that is an io.Closer is closed once, when the connection that opened it ends. One with a method
// Prefetch(off, n int64) is told of ranges that the client will soon read (NBD_CMD_CACHE); it must not wait for them.
// One with a method Description() string is listed with that text, for people.
type Export interface {
	io.ReaderAt

	// Size is the disk's length in bytes.
	Size() int64

	// Extent tells of the run that starts at off, 0 <= off < Size: n > 0 bytes are all data, or all a hole that reads
	// as zeros. The run may go on behind off+n. What cannot be told is an error, never a hole.
	Extent(off int64) (n int64, data bool, err error)
}

// Catalog finds exports by name. Its methods are called by several goroutines at once; ctx ends with the handshake.
type Catalog interface {
	// Open opens the export called name as the client sent it, of up to 4,096 bytes, maybe empty or not UTF-8. For an
	// unknown name the error is ErrUnknownExport.
	Open(ctx context.Context, name string) (Export, error)

	// Names yields what clients may list. After an error it ends.
	Names(ctx context.Context) iter.Seq2[string, error]
}

// closeExport closes what an Export holds, when it holds something.
func closeExport(e Export) error {
	if c, ok := e.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// readFull fills p from off. io.ReaderAt may return io.EOF with the last byte of the disk: that is no error.
func readFull(e Export, p []byte, off int64) error {
	n, err := e.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(p), off, err)
}

// runAt is the run from off on, cut at end. An Export that does not advance is broken, and that is an error.
func runAt(e Export, off, end int64) (n int64, data bool, err error) {
	n, data, err = e.Extent(off)
	if err == nil && n <= 0 {
		err = fmt.Errorf("extent of %d bytes", n)
	}
	if err != nil {
		return 0, false, fmt.Errorf("map at %d: %w", off, err)
	}
	return min(n, end-off), data, nil
}
