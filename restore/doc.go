// Package restore brings one disk of a point back: from an image to a target.
//
//	            Survey: how much is data
//	              |
//	image --> runs of data and of zeros, in order of offset --> [bounded channel] --> n workers, a buffer each:
//	                                                              data: image.ReadAt -> target.WriteAt
//	                                                              zero: target.Zero
//	          then, when asked for, target.Reread is compared with the image; then target.Sync; then target.Close
//
// A Target is what a disk is restored to, one package per kind below this one: raw (a file), device (a block device),
// image (qcow2 and vmdk), nbd (an export of a server); target chooses among them by name. An Ordered one gets the runs
// from a single goroutine, while others read ahead; so does CopyStream, which writes to what knows no offsets, such as a pipe. Both are a Pipeline, as whatever makes a file in one go is.
//
// Invariants:
//
//   - Bytes that cannot be read or written are an error of the whole restore, never zeros, and so is a part of the map
//     that cannot be read.
//   - Every byte of the disk comes to the target once, in one WriteAt or in one Zero. A target that was made for this
//     restore and reads as zeros therefore need not do anything in Zero.
//   - Ranges begin at a multiple of Granule; they end at one, or at the end of the disk.
//   - Sync comes last and only when all went well: it is when a file appears under its name. Close without it leaves
//     what was there before, wherever that is possible: files yes, devices and servers no.
//   - Sizes: a target may be larger than the disk, and what it holds behind the disk's end stays as it is.
package restore
