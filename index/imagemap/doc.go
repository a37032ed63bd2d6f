// Package imagemap is the persistent radix tree that tells where each block of a disk lies at a point.
//
//	manifest   [ root, level 3 ]                 in the disk's record, never a stored node
//	              |   \        \
//	tree pack  [ L2 ] zero    [ L2 ]             256 children, 4 GiB of disk
//	            |   \          |
//	           leaf leaf      leaf               256 blocks, 16 MiB of disk, run-coded addresses
//
// Words: a node has a level (1 is a leaf) and a number, counted from the disk's begin on its level. A run is a run of
// blocks by absolute block numbers. A child that is all zero is a kind in its parent and no node. A base is the map
// that a new one is built upon.
//
// Invariants: a Map never changes; a stored node is never changed, so maps share what they have in common; the digest
// of an inner node is the sum of its children's; a node's level and number of entries are what its place demands, the
// last one on each level short, and any other is refused when it is read. A builder that met an error gives no map:
// what could not be set must not look inherited.
//
// The package knows nothing of packs and keys: it loads through Nodes and stores through Store.
package imagemap
