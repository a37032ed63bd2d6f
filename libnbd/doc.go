// Package libnbd calls libnbd, the C library of NBD clients.
//
// Names, argument structs and results are those of the official Go binding (libguestfs.org/libnbd), and only what
// this module calls is bound, so that moving to the official one is a change of import paths. libnbd(3) documents
// every call: SetExportName is nbd_set_export_name(3), and so on.
//
//	handle.go    create, close, negotiate, connect
//	query.go     what the server said of the export
//	sync.go      calls that wait for their reply
//	aio.go       calls that do not: issue, then Poll until AioCommandCompleted
//	callback.go  the way back from C
//	twin.go      the same names in a build without the library; Create says what is missing
//
// It is the only package of the module that uses cgo. The build tag nolibnbd leaves it out of a build that
// otherwise has cgo (the race detector's needs cgo, but not this).
//
// Invariants:
//
//   - libnbd keeps its last error per thread. Every call here reads it on the thread that failed.
//   - A buffer given to an asynchronous call stays where it is until that command is retired or the handle is
//     closed: memory of Go's heap must be pinned (runtime.Pinner) by the caller.
//   - Close must not run beside another call on the same handle. All other calls may; libnbd takes a lock per
//     handle, which Poll holds while it waits.
//   - Where the official binding returns its concrete error type (Close), this one returns error. Code that shall
//     work with both says `if e := h.Close(); e != nil`, and never assigns the result to a variable of type error
//     first, where a nil *LibnbdError would no longer be nil.
package libnbd
