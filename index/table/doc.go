// Package table finds blocks that a repository holds already, and the sealed summaries of its points. It is a cache
// over packs and manifests: it only proposes. The caller confirms each address against the pack's authenticated
// trailer and opens each summary with its key, so that stale, lost, foreign or hostile files cost space and time and
// never bytes.
//
// Words: a segment is an immutable bbolt file that Write or Merge built in key order, named by the BLAKE3 of its bytes;
// its age is the file's mtime, a merged one's that of its newest input. Newer segments propose first: a guess at what is
// most likely still there, no more. An entry is the first 16 bytes of a block's ID and an address. Two blocks may share
// those bytes: one of the entries wins, the other block is stored again.
//
//	table/<BLAKE3, hex>.db      ids     16 bytes of ID -> pack ID, slot      in bbolt buckets, whose
//	                            packs   pack ID        -> nothing            sequence counts the keys
//	                            points  point's UUID   -> sealed summary
//	table/.tmp-*                a segment on its way: claimed by its writer; when it is not, and an hour old, it is swept
//
// Invariants:
//
//   - A file is written, synced and hashed under a temporary name and then renamed. A rename over the same name brings
//     the same bytes. Nothing is written to a segment afterwards, and readers take no lock, so nobody waits.
//   - A segment names every pack that it or its ancestors had entries of, also when newer entries have superseded
//     them all: who looks for packs that no segment names must not find the same pack for ever.
//   - Inputs are removed after the merged segment is durable. Who lists in between sees both; who finds a listed file gone
//     lists again.
//   - Merging the same segments gives the same bytes, and so the same name: two processes that merge at once agree.
//   - Nothing is on the heap for each key. Readers live in the page cache.
//
// bbolt writes the files; this package reads them itself, through a bounds-checked view of bbolt's pages, as bbolt
// trusts what it maps: it follows child pages recursively, and one damaged page number that points back at its parent
// overflows the stack, which no recover catches. Here every slice is checked by the language, depth is bounded, keys must
// ascend, and a fault of the mapping (a file truncated in use, a medium that fails) is caught by
// debug.SetPanicOnFault. What fails marks its segment damaged: it proposes and names nothing from then on.
//
// To hash gigabytes at each start would cost more than the table saves, so opening checks size, meta page and roots
// alone. A damaged leaf gives misses and false proposals, both harmless, until Verify or a merge, which hash what they
// read, remove the file; its packs are then named by no segment, and the caller reads them again.
package table
