// Package qemu runs QEMU's disk tools: qemu-nbd as a private server of one image (qemu-storage-daemon where more than one
// dirty bitmap is to be offered, or a secret is needed), qemu-img to look at images and to make them.
//
//	Serve(image) --starts--> qemu-nbd <--NBD--> socket in a directory of ours, mode 0700
//	   |                        |
//	   +-- thread that waits ---+   the kernel ends qemu-nbd when that thread, and so this process, is gone; the next Serve
//	                                removes the directory, which is locked while it is used
//
//	Lock(path)   holds QEMU's own locks, so that no machine that writes to the image runs or starts
//
// An image is a path and a format. The format is never left to QEMU to guess: whoever writes a raw disk's first sector,
// its guest, could make it look like an image that names another file of the host as its base. Detect looks at a
// file's first bytes for callers that were told nothing; a name that ends in .raw and a block device are raw without a
// look. For the same reason Chain refuses a base whose format its overlay does not record.
//
// Nothing here knows of captures or restores.
package qemu
