// Package image restores to an image file that QEMU can write: qcow2 and vmdk.
//
//	WriteAt --> restore/nbd --> qemu-nbd --> image on a stage (package stage) -- Sync --> the file under its name
//
// QEMU writes its own formats best, and through NBD its tables and our decoding work side by side: measured, that is
// faster than to restore to a raw file and convert it. qemu-nbd is told not to flush (cache=unsafe), for the file is
// worth nothing until it is complete: it is made durable once, after qemu-nbd has ended well.
//
// A new image reads as zeros, so Zero has nothing to do, and the image's tables stay small. Sizes are rounded up to
// whole sectors of 512 bytes by the formats; what is added reads as zeros.
package image
