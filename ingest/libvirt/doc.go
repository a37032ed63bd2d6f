// Package libvirt captures machines that libvirt runs, has paused or knows as shut off: ingest.Machine over hyper/libvirt.
//
//	Take    clear what a killed run left: thaw or resume, end the job, remove its files
//	        facts -> plan (pure)                 per disk: left out, in full, or since which checkpoint; and why
//	        room for scratch
//	        freeze | pause -> backup-begin with a checkpoint -> thaw | resume      the instant
//	read    way (socket, tunnel, TLS) -> QEMU's NBD server -> ingest/nbd           watch: enough room left?
//	Check   the job runs still, so all that was read is of the instant
//	Release end the job, remove the files
//	Settle  remove checkpoints that no later point would count from
//
// Of a domain that is shut off:
//
//	Take    lock the images, as QEMU does; shut off still?  facts -> the same plan; does the mark's bitmap tell?
//	read    qemu-nbd, or qemu-storage-daemon for encrypted images -> ingest/nbd
//	Release unlock
//
// # Words
//
// A mark is a libvirt checkpoint named vbfs-REPOSITORY-POINT: the changes since a point are counted from the mark with its name, and only
// those with our repository's prefix are ours. All others are never touched. A memory is a file in the state directory that is
// written before a guest is held still and emptied after, and locked meanwhile.
//
// # Invariants
//
// Changes of a disk are counted only from the mark of the very point whose image is built upon, and only when domain, disk, file, size
// and the mark's time are those that the point recorded. All else is a full read of that disk, and why stands on the point; the
// other disks go on. When libvirt refuses a job, less is asked of it, until nothing but full reads is left.
//
// Every disk of a point is of one instant, for one job holds them all. A job that ended before all was read is no point.
//
// The guest is held still for the beginning of the job alone, and let go whatever happens, also when the run is cancelled: what holds
// it still is never given up half-way. What could not be undone is named, and the next run finds it.
//
// A domain at rest cannot start while it is read, and gets no mark: a later point counts from the same one. Its changes are counted
// only from a bitmap that is enabled and was closed well.
//
// A guest never stops for want of room: the job is ended before its scratch files fill their file system.
package libvirt
