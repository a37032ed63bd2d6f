// Package nbd captures a disk from an NBD server: any server that libnbd can talk to, by URI (nbd, nbds, nbd+unix,
// nbds+unix).
//
//	       ReadAt                              Extents
//	         |                                    |
//	         +---- borrow ---->  idle  <-- borrow-+        idle: a channel that holds the connections not in use
//	                            |  |  |
//	                         conn conn conn                a conn is one libnbd handle, used by one call at a time
//	                            |  |  |
//	requests of at most requestSize bytes, several in flight on each
//
// Without a bitmap every byte of the disk is yielded: what base:allocation calls zero as Zero, all else as data. With
// bitmaps only what is dirty in qemu:dirty-bitmap:NAME of any of them is yielded, and whether it is zero still comes from
// base:allocation: a changed range that is a hole now is yielded as Zero, for it must become zero in the new point. A
// bitmap that the server does not offer is an error: the others do not know what it knows. A server that offers no block
// status yields the whole disk as one data extent.
//
// The export and the bitmaps have to be of one instant that stays: a snapshot, or a disk that nobody writes to, with
// bitmaps that are disabled or frozen by a job. No server tells whether it is so. Of a disk that a guest writes to the blocks are
// of different instants, and an audit takes a block that was written after the bitmap was read for one that it hides.
//
// Invariants:
//
//   - A read fills its buffer or is an error. One request's error is the read's error; the others in flight are waited
//     for before the buffer goes back to its owner, or the handle is closed.
//   - A connection that failed is never used again; its error answers every later call that borrows it.
//   - No call waits longer than Options.Timeout without a sign of life from the server.
//   - Extents holds no connection while it yields, so a consumer may read between two extents.
//   - What the server says of block sizes and extents is checked (limits.go, status.go) before it is used.
//
// In a build without libnbd (package libnbd) Open says what is missing.
package nbd
