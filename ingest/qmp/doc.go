// Package qmp captures a machine that QEMU runs without libvirt, through the monitor that QEMU offers on a Unix socket. It
// captures what a qemu-storage-daemon exports as well.
//
// All disks are held at one instant by one transaction of QEMU's, which for each
//
//	guest --> vbfs-TAG-c0 --> disk's node   <- bitmap vbfs-REPOSITORY-POINT, from the instant on: this point's mark
//	              |    \                       bitmap vbfs-REPOSITORY-BASE, since the base's instant
//	    before a  |     \ what was            bitmap vbfs-tmp-TAG, what that one said at the instant; stays
//	    write     v      \
//	         vbfs-TAG-f0  +-- vbfs-TAG-s0 --> export vbfs-TAG-e0 --NBD--> ingest/nbd
//	         (a file in the scratch directory)
//
// puts a filter (c) above the disk's node that copies what a guest is about to overwrite to a scratch file, and begins and
// freezes bitmaps. It is the filter of a backup job that copies nothing else (QEMU, docs/interop/live-block-operations.rst,
// blockdev-backup with sync=none); the jobs come first in the transaction, because a disk that has its job stands still until
// the transaction's end, and so what its bitmaps say then is of the instant. A snapshot-access node (s) reads the disk as it was:
// when the filter is gone, whoever took it away, reads of it fail. (An overlay upon the disk would read what the disk holds now.)
//
// Before QEMU 9.0 a machine that has iothreads is not safe with any of this but the jobs: these copy its disks whole to the scratch
// directory, and the files there are read (copy.go).
//
// Words: a mark is the bitmap that a point's changes are counted from; a run is one capture, named by the beginning of its
// point's ID, its tag; a scratch file takes the old bytes of what is overwritten while a run reads.
//
// Invariants:
//
//   - What a point says of changes is a bitmap that was begun at the very instant of the point that is built upon, on the same image of
//     the same size, and has noted every write since. In doubt the disk is read in full, and the point says why.
//   - A bitmap in memory lives as long as its QEMU; a point records which process that was.
//   - All that is made in QEMU has a name that begins with vbfs- and has the tag in it. The next run finds what a killed one left by these
//     names, and undoes it by the same code (undo.go). A run that is alive holds a lock on its scratch directory.
//   - Before the machine is stopped it is written down that it will be. Whoever finds that, and the machine stopped, continues it.
//   - The guest is never to suffer: a scratch file that cannot take a byte more fails the guest's write, so a guard gives the capture up
//     before, and continues a machine that stopped because of it.
package qmp
