// Package index is the store: disks at points in time go in through a Writer and come out as Images.
//
//	Repository   an opened store: keys, packs, table, caches            any number of goroutines
//	Writer       one point on its way in: a session, packs, a manifest  one owner
//	 Worker      reads blocks in, has a pack of its own                 one goroutine each
//	 shelf       what Writers have stored and the table has not         all Writers of the Repository
//	 DiskWriter  one disk of the point, and its new map
//	Copier       brings points into another repository                 one owner
//	Image        the read side of one disk at one point                 any number of goroutines
//
// # Invariants
//
// A point exists when points/<tag>/<point> holds its manifest, and never otherwise. Everything that a manifest names is
// durable before it. No object is overwritten. The table only proposes addresses: an address counts when the pack's own
// trailer, authenticated, has the same full ID in that slot. Reading needs manifest, tree packs and data packs, never
// the table. A failed read is an error and never zeros.
//
// Notes are facts about a point that came after it. The last one of a kind counts, by numbers that writers compete for and
// not by clocks; one that cannot be read leaves its point in doubt, which protects it. A note is gone only after its point,
// or after a newer one of its kind is there.
//
// # What excludes what
//
//	                    backup of the machine   of another   mount, restore, verify   forget   prune, repair
//	backup              no (ErrLocked)          yes          yes                      yes      yes
//	mount, restore, …   yes                     yes          yes                      yes      yes
//	prune, repair       yes                     yes          yes                      yes      no (ErrCollecting)
//
// No process waits for another: sessions are objects, and the table's segments are never written again. Who reads a point
// that is forgotten reads on; once it is collected too, reading goes on or is ErrCorrupt (missing), never wrong bytes.
// Where the storage is append-only but for sessions/, pending/ and table/, all of it works but forget and prune: these are
// refused before they change anything (ErrAppendOnly). What is deleted for tidiness alone, older notes and verifications, stays.
// A copy is a backup in the repository that it goes to, and a reader of the other.
//
// # Commit
//
//	W0  put sessions/<point>; then list gc/, drop caches, list packs and moves: what is there counts, but for what is condemned
//	W1  all packs durable, also those of others that the map names; a table segment; put pending/<point>
//	W2  list gc/, look for the base: nothing that the map names may be condemned. Subtrees inherited from a base that is still
//	    there pass. A hit: those blocks are stored again from where they still lie, then W1 and W2 again; when they are
//	    gone, ErrCollected: the point has to be captured again
//	W3  put points/<tag>/<point>; drop pending and session
//
// # Collection
//
//	P1  list packs, bundles, moves, then sessions, pending, points, in this order; mark what the maps name. Packs with the mark
//	    of a listed session are spared, also those that a point names some of. Any listing or read error ends it
//	P2  put gc/<id>: the packs and slots that go
//	P3  list sessions; list pending and points again: what is new is marked, too
//	P4  delete packs without marks; copy the marked slots of others into bundles; put moves/<n+1>; delete what they replace
//	    put gc/<id>-done with the sessions of P3; both go when these have ended
//
// Why it is safe. With linearizable put and list either W1 is before the list of P3, then P3 marks what the writer names;
// or P2 is before W2, then the writer sees what is condemned. What a base names was marked at every P1 or P3 since, as long
// as it is listed. What a session finds in W0 was listed after its session was: a collection that deletes it later has
// the session in its list of P3, so gc/<id> stands until the session has ended, and W2 sees it.
//
// A collection that was killed leaves gc/<id> without an end. Its process may only sleep: deleting what gc/<id> names
// stays harmless while that stands, as nobody may name it. The next collection ends it when nothing that it names is
// there any more, and has recorded moves of a higher number, so that the sleeper cannot record its own. Bundles that no
// moves name are deleted after moves were recorded, for the same reason.
//
// A session is broken by putting VOID in the place of its point: W3 and VOID compete for one name, so a writer that was
// thought dead and wakes up cannot commit.
//
// # What writers share
//
// Writers of one Repository, which is in one process, find what the others have stored as soon as it is in a pack,
// durable or not: machines that are captured side by side store once what they have in common. Of two that meet a block
// at the same moment one waits. What a writer may name of that:
//
//   - what lies in a pack that is on its way. The pack is made durable in W1, by whoever comes first. When it is lost,
//     that is ErrCollected and no point
//   - what lies in a durable pack, when that was listed in W0, or began to be made durable after gc/ was listed in W0.
//     What was neither nobody can vouch for: it may be gone and its collection over
//
// Why that is safe. The pack was there at an instant after gc/ was listed in W0. A collection that deletes it does so
// later: either it put gc/<id> before that listing, which shows it, as it stands until the pack is gone; or it lists
// sessions in P3 after that listing and finds this writer's, so that gc/<id> stands at W2. The pack has the mark of the
// writer that stored it. While that one is at work, no collection takes it. When that one aborts, is broken, or has its
// point forgotten, a collection may condemn the pack: when P3 sees this writer's W1, what it names is marked and stays;
// else W2 sees what is condemned. So whichever of the two ends first, and however: what a committed point names stays.
//
// A point that names some of a pack whose writer is still at work does not expose the rest of it: a collection leaves
// such packs whole, as what their writer names is not known yet.
//
// # Verification
//
// What was read in full and found good is recorded in verified/<n>; the highest n counts. A new record is the last one
// joined with what was found, put under the next number; after that a higher number in the list means that ours was put
// in a gap and counts for nothing: it is joined and put again. A point is whole as of the oldest instant of all packs that
// its maps name, when the walk over them found nothing wrong in the same run. What is in doubt has no instant.
//
// # Repair
//
// It verifies, then wants back what is lost and named: nodes first, as what is below them shows only then. Whoever gives
// bytes is not trusted: a block has the ID that the pack's trailer or a bundle tells, or where that is lost, all lost blocks of
// a leaf together make its digest; a node has the hash that its parent names. What was healed goes into bundles, sealed
// anew for its old address, is read back, and counts once moves/<n+1> names the bundles. The same record has what stays
// lost: writers name it no more, a parent that names it is not inherited from, a collection walks past lost nodes, and then
// frees what those alone named. Damaged packs of which all that maps name lies in bundles are needed by nobody: verify
// passes over them, and the next collection deletes them. An empty gc/<id> keeps collections and other repairs away.
package index
