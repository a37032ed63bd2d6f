// Package vsphere captures machines of VMware: of a vCenter, or of a single ESXi host.
//
//	look -> leftovers go -> preflight -> snapshot -> its configuration -> disks -> readers closed -> snapshot removed -> consolidated
//	                                        |                              |
//	                                   state file:                      vddk   nbdkit with VMware's library, over NBD
//	                                   snapshot, task                   https  ranges of the -flat.vmdk, from the machine's host
//	                                                                    nfc    a whole disk as a stream, spooled
//
// # Words
//
// A snapshot of ours is named vbfs-<repository>-<point>; all others are foreign and never touched. A disk's change mark is the changeId
// of this run's snapshot, and is recorded as its Tracking. Its Origin says which disk it was: UUID, datastore, device key.
//
// # Invariants
//
// Changes are counted from the mark that the point built upon recorded for that very disk, by its UUID. In doubt a disk is read in
// full, and the point says why: another machine, disk, datastore, key or capacity; another mark's UUID; a number that is not higher; foreign
// snapshots at the point built upon, for the machine may have been reverted since, and numbers come again then; an answer that
// does not add up.
//
// What VMware calls allocated is a hint, and only believed of a tracking that this package switched on while there was no snapshot;
// and then a sample of what it calls empty is read all the same.
//
// A transport that would give wrong bytes is refused with the reason: ranges of a file that is not the whole disk, a stream that
// does not end as it must.
//
// The snapshot is removed whatever happens; what cannot be is an error, written down, and found by the next run.
package vsphere
