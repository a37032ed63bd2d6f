// Package index is the store: disks at points in time go in through a Writer and come out as Images.
//
//	Repository   an opened store: keys, packs, table, caches            any number of goroutines
//	Writer       one point on its way in: a session, packs, a manifest  one owner
//	 Worker      reads blocks in, has a pack of its own                 one goroutine each
//	 DiskWriter  one disk of the point, and its new map
//	Image        the read side of one disk at one point                 any number of goroutines
//
// # Invariants
//
// A point exists when points/<tag>/<point> holds its manifest, and never otherwise. Everything that a manifest names is
// durable before it. No object is overwritten. The table only proposes addresses: an address counts when the pack's own
// trailer, authenticated, has the same full ID in that slot. Reading needs manifest, tree packs and data packs, never
// the table. A failed read is an error and never zeros.
//
// # What excludes what
//
//	              backup   mount, restore, verify   another machine's backup
//	backup        no: one session a machine (ErrLocked)   yes      yes
//	mount, …      yes      yes                      yes
//
// No process waits for another: sessions are objects, and the table's segments are never written again.
//
// # Commit
//
//	W0  put sessions/<point>, before any lookup; list gc/
//	W1  all packs durable; a table segment; put pending/<point>
//	W2  list points/ and gc/: nothing that the map names may be condemned
//	W3  put points/<tag>/<point>; drop pending and session
//
// A session is broken by putting VOID in the place of its point: W3 and VOID compete for one name, so a writer that was
// thought dead and wakes up cannot commit.
package index
