// Package vmdk writes VMware's virtual disks: VMware, "Virtual Disk Format 5.0".
//
// A streamOptimized disk is one file that is written from its beginning to its end, as it travels (sections "Hosted Sparse Extents"
// and "Stream-Optimized Compressed"):
//
//	header  descriptor  grain grain ... [marker] table  grain ... [marker] table  [marker] directory  [marker] footer  [end]
//	0       1           128
//
// The other disks are of several files, with a descriptor in one of its own that is written last:
//
//	NAME.vmdk   NAME-flat.vmdk                      Flat: the disk's bytes, as ESX has them, thin or not
//	NAME.vmdk   NAME-s001.vmdk  NAME-s002.vmdk ...  Pieces: sparse, of at most 2 GiB each
//
// They are Targets for a folder that nobody else has: whoever makes the folder appear makes the disk appear.
//
// Words: a sector is 512 bytes, and what all numbers in these files count. A grain is 128 of them, the unit in which data is there or
// not; it is as long as a granule of package restore. A table says where 512 grains are, a directory where the tables are. A marker is
// a sector that says what comes behind it; a compressed grain begins with a short one of its own. The descriptor is a text that says
// what a disk is made of, and the disk data base in it what the machine should know.
//
// What holds:
//   - Grains of zeros are left out, whether the image calls them a hole or not.
//   - A disk is as long as the image, rounded up to a sector.
//   - The image's holes are not read, and the rest is read once, in order.
package vmdk
