// Package device restores to a block device, which must be at least as large as the disk and not in use: the kernel
// refuses it (O_EXCL) while it, or a partition of it, is mounted, swapped to, or part of a RAID or volume group.
//
// Zeros are punched, so that a thin device stays thin; where that is not possible the kernel is asked to write them,
// and where it cannot, they are written. A device that is half written cannot be taken back.
package device
