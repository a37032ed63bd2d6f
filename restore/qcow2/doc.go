// Package qcow2 writes QEMU's images as one stream, and reads them: QEMU, docs/interop/qcow2.txt.
//
//	header | data data ... L2 | data data ... L2 | L1 | refcount blocks | refcount table
//	last     from here on, in order ------------------------------------------------->
//
// Words: a cluster is 64 KiB, of the disk and of the file; it is as long as a granule of package restore. An L2 table says where 8,192 of
// the disk's clusters are in the file, 512 MiB, and the L1 table where the L2 tables are. Refcounts say how often each of the file's
// clusters is used.
//
// What holds:
//   - The first cluster, with the header, is the caller's to write, when all the rest is where it belongs: what was broken off has
//     zeros there, and is no image.
//   - The file has no cluster that is not used, and none that is used twice: every refcount is 1.
//   - Clusters of zeros are left out. A disk is as long as was asked for, rounded up to 512 bytes.
//   - In memory is one L2 table, and the L1 table: 256 KiB at 16 TiB.
package qcow2
