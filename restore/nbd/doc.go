// Package nbd restores to an export of an NBD server: any writable one that libnbd can talk to, by URI (nbd, nbds,
// nbd+unix, nbds+unix).
//
//	WriteAt, Zero, ReadAt
//	       |
//	       +-- borrow --> idle            idle: a channel that holds the connections not in use
//	                     |  |  |
//	                  conn conn conn      a conn is one libnbd handle, used by one call at a time
//	                     |  |  |
//	requests of at most requestSize bytes, several in flight on each
//
// A server that does not promise multi-conn (that one connection's flush covers the others' writes) gets one connection.
// Zeros go by write-zeroes, which lets the server punch; one that does not know it is sent them.
//
// Invariants:
//
//   - A write is complete, or an error. One request's error is the call's error; the others in flight are waited for
//     before the buffer goes back to its owner, or the handle is closed.
//   - A connection that failed is never used again.
//   - No call waits longer than Options.Timeout without a sign of life from the server.
//   - An export that holds anything is not written to without Spec.Overwrite: what base:allocation does not call zero
//     from end to end, and what a server without block status has.
//   - What the server says of sizes and extents is checked before it is used.
//
// In a build without libnbd (package libnbd) Open says what is missing.
package nbd
