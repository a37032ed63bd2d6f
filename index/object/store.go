package object

import (
	"context"
	"io"
	"iter"
	"time"
)

// A Store keeps immutable objects by name. Its methods may be called by several goroutines, and several processes, at
// once. A full store is an error that errors.Is finds to be syscall.ENOSPC or syscall.EDQUOT.
type Store interface {
	// PutIfAbsent begins an object. Nothing is visible under name until Commit, and Commit fails with ErrExists if
	// the name is taken then, also when it was taken meanwhile.
	PutIfAbsent(ctx context.Context, name string) (Upload, error)

	// Get reads exactly len(p) bytes at off. ErrNotExist when there is no such object, io.ErrUnexpectedEOF when it
	// ends too early; what p holds after an error means nothing.
	Get(ctx context.Context, name string, p []byte, off int64) error

	// List yields all objects under the folder prefix ("packs", "packs/ab"; "" is everything), at any depth, in order
	// of name. A folder with nothing in it yields nothing. After an error it ends.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]

	// Delete removes an object for good. ErrNotExist when there is none. Reads that are under way go on.
	Delete(ctx context.Context, name string) error

	// Stat tells an object's size and age without reading it. ErrNotExist when there is none.
	Stat(ctx context.Context, name string) (Info, error)
}

// Info is what a store knows of an object without reading it.
type Info struct {
	Name     string
	Size     int64
	Modified time.Time // when it was committed, by the storage's clock
}

// An Upload is an object on its way into a Store. It belongs to one goroutine. Exactly one of Commit and Abort has to be
// called; Abort after Commit does nothing, so that it can be deferred.
type Upload interface {
	io.Writer

	// Commit makes the object durable and visible: both are so when it returns nil. ErrExists when the name is taken.
	// After any other error the object may exist or not, as after a crash, and if it exists it is whole; after
	// ErrUnsynced it exists. In every case the Upload has ended and has left nothing else behind.
	Commit() error

	// Abort drops what was written.
	Abort() error
}
