// Package file captures a disk from a path.
//
//	raw file, block device ---------------------------------> pread, SEEK_DATA, SEEK_HOLE     raw.go
//	qcow2, vmdk, vhdx, vdi --> qemu-nbd --read-only --NBD--> ingest/nbd                       image.go
//
// The format is told by Options, or by the file's first bytes (hyper/qemu.Detect), never by QEMU's guess. A raw disk
// belongs to its guest, who can write any magic number into its first sector: say Format "raw", or let the name end in
// .raw, when the guest is not trusted.
//
// This source has no change tracking: every byte is yielded, and holes are zero. An image in use by a running QEMU is
// refused by QEMU's own locks; a raw file is not locked by anybody, so Changed compares size, modification time and
// inode of every file that the disk is made of with what they were at Open. The size at Open is the disk's: what is
// added later is not read, and a file that became shorter is an error, never zeros.
//
// QEMU serves an image that was cut off, and reads zeros where the file ends. So every image of the chain is checked
// (hyper/qemu.Check) at Open.
//
// Without libnbd (see package libnbd) raw disks work, and images say what is missing. It is the one source that stands
// on another: an image is a disk behind a server that happens to be ours.
package file
