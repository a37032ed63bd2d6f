// Package libvirt restores machines to libvirt: a new one, or into one that is there and shut off.
//
//	      what another hypervisor recorded --translate--> definition, names of disks
//
//	New   definition of the point --adjust--> definition of the machine to be ------------------------+
//	        |                                                                                         |
//	      disks, files --> host --+-- restore/raw, restore/image --> images in a directory or pool --> names --> defined
//	                              |      this one                                                              ^
//	                              +-- restore/qcow2, plain --> uploads into a pool's volumes ------------------+
//	                                     one that libvirt alone leads to
//
//	Over  disks of the point --match--> disks of the machine, by target and size
//	                                      |
//	                  a new image beside the old one, which it replaces when all disks are written, or
//	                  the image as it is, through QEMU (inPlace): all of it, or what differs (delta)
//
// Words: the recorded machine is the one that the point was captured from; a fresh one has a UUID and network addresses of its
// own. A note is a sentence for the user about what is not as it was. The host is where the machine comes to be: this one, or a remote
// one, of which only what lies in a storage pool can be seen.
//
// Invariants:
//
//   - New never touches what was there before, and leaves nothing when it fails: images get their names when all are written,
//     and the definition comes last.
//   - To a remote host nothing leads but libvirt: no tool, no shell, no right that libvirt does not give. An image there has its name from the
//     beginning; one whose writing was broken off is removed, and until its last step no qcow2. libvirt has no way to make
//     it durable, and does not tell of every write that did not come about: its length and its first cluster are read back.
//   - What is not seen of a remote host is told by a note, never taken to be there or not: such media stay, and the drive is empty
//     if libvirt does not find them; a disk that is not the point's goes.
//   - Over does nothing to a machine that runs, is paused or saved, or has snapshots. Until all its disks are written, and
//     verified if that was asked for, none is replaced; QEMU's locks keep the machine from starting meanwhile. What is
//     written in place cannot be taken back, and is named when the restore fails.
//   - What was restored is never taken for unchanged by the next increment. An image that was replaced has no dirty bitmaps, and
//     is another file; ours of libvirt's checkpoints, which then have no bitmap any more, are forgotten. An image that was
//     written in place has its bitmaps, in which QEMU noted the writes, or which it left marked as in use when it was killed.
//   - Delta believes a dirty bitmap only if it is of the point's own checkpoint, was enabled, was ended well, and a sample of what it calls
//     unchanged is. Otherwise all is compared. Nothing is ever written because of a bitmap alone, and what is not
//     written was the same.
//   - Of a machine that another hypervisor ran, what is its alone stays out: its firmware's variables, its marks of changes. Each disk's
//     new name is told.
//   - An adjusted definition names no file that is not there: media are ejected, disks that were left out go unless they are
//     there and not another machine's. What else of the host is missing is noted.
package libvirt
