// Package ingest captures disks: what Sources report goes into an index.Writer as a new point.
//
//	Source.Extents -> align -> leaf ranges -> [bounded channel] -> workers, each with a pack of its own:
//	    Source.ReadAt -> zero? -> ID -> parent? table? -> encode -> append
//	-> Writer.Commit
//
// # Invariants
//
// Data extents are rounded out to blocks and zero extents in, so that a block that is not wholly known to be zero is
// read. In a full every byte must be reported; of changes, what is not reported stays as in the parent. A changed extent
// that is now zero becomes zero. A failed or short read fails its disk and never becomes zeros. In doubt, which is when
// the parent cannot be built upon, the disk is read in full and deduplicated, and the point says why.
//
// What a source calls unchanged is audited: a random sample of it, or all, is read and compared with the parent by the
// blocks' IDs. A block that differs is a lie, and after a lie no tracking of the run is believed: disks that were captured
// by their changes are dropped and read in full, too. A block that cannot be read is no lie but fails its disk.
//
// Only ranges go through the channel: a block's bytes stay on one goroutine from read to append. Disks that are read at once
// share the workers, job by job.
//
// A Machine is held still by what has control of it for as long as its disks are read, and let go whatever becomes of the
// point; until then, and while its point is not there, no change mark of older points goes:
//
//	choose base -> session -> Machine.Take -> disks -> Shot.Release -> commit -> Shot.Settle
//
// Changes are counted from the very point whose image is built upon. Where a mark says more than that, as after a point that
// made none of its own, the base is the point that made the mark.
//
// Compare reads a source beside a captured disk, and changes nothing.
package ingest
