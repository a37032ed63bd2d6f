// Package nbdsrv serves disks read-only over the NBD protocol: fixed newstyle negotiation, TLS, structured replies,
// block status. What it serves is an Export, found by name in a Catalog; where the bytes come from it does not know.
//
//	listener -> Server.Serve -> serveConn
//	                              handshake: options -> Catalog.Open -> session     10 s, nothing but names allocated
//	                              session:   reader -> door -> serve inline         small reads of a quick export
//	                                                       \-> jobs -> workers      everything else, bounded
//	                                         serve:  Export.Extent, ReadAt -> replies -> one write
//
// The two phases are apart: the handshake ends with a session (or none), and the session knows nothing of options.
//
// Invariants:
//   - Every length from a client is bounded before anything is allocated for it. Behind the door (check) every request
//     lies inside its export.
//   - Nothing is opened before the client has negotiated what Options demand, and what was negotiated or opened before
//     STARTTLS is dropped by it.
//   - A header that says success is sent only after the bytes that it announces were read. A failed read is an error
//     reply, never zeros.
//   - A connection holds at most Options.InFlight requests and Options.InFlightBytes of buffers, and harms no other: its
//     goroutines end with it, when the client says goodbye or vanishes or Serve's context ends.
//
// Replies to one connection's requests come in any order; those that are ready together leave in one write.
package nbdsrv
