// Package vsphere restores machines to VMware: a new one, or over one that is there.
//
//	Begin -> Run   one session: the inventory, and whether VMware's library is there, are asked for once
//	          |
//	New   configuration of the point --spec.Make--> a machine without disks --> disks, one by one --> order of booting, NVRAM,
//	        |            ^                                                        |                    change tracking,
//	        '-- place: folder, pool, host, datastores, networks, IDs            fill | bring           attributes, tags, power
//
//	Over  disks of the point --match--> disks of the machine, by UUID or place, and size
//	                                      |
//	                  fill: the disk as it is, through VMware's library: all of it, or what differs (delta)
//	                  bring: a new disk as a stream (NFC), which replaces the old one when all are there
//
// A carrier brings the bytes: it fills a disk that is there through the library (VDDK), or brings one as a stream, which a throw-away
// machine imports.
//
// # Words
//
// The recorded machine is the one that the point was captured from; a fresh one has UUIDs and network addresses of its own. A note is a
// sentence for the user about what is not as it was.
//
// # Invariants
//
//   - In a run the inventory is what was read, and what was made since; when something failed, or after a minute, it is read anew, for others
//     change it, too.
//   - What is to be foreseen alone goes the same way up to where something would be made, and ends there.
//   - New never touches what was there before, and leaves nothing when it fails, or is interrupted: folders, the machine, disks that no
//     machine has yet. What was asked of the server is waited for, so that it is known what there is to be removed.
//   - What is not where it was is named by the user, or is the only one of its kind; a card on a network that nobody named is not
//     connected. In doubt nothing is made, and the error names the flag.
//   - No two machines get one UUID, or one network address.
//   - Over does nothing to a machine that runs, is suspended, or has snapshots; that is looked at once more right before a disk is
//     written, and the library locks it then. The machine has the point's disks, and no others, or is refused by their names.
//   - Disks that are exchanged are exchanged all together, when all are there, and the old ones go last. What is written in place cannot be
//     taken back, and is named when the restore fails.
//   - What is called never written to, and so left alone, is read in a sample: in doubt all is written, or compared.
//   - A machine that is being restored over says so in its extra configuration, with the names of all files: of a restore that was killed
//     the next one removes what cannot be anybody's, names the rest, and switches change tracking on again.
//   - A new machine says, from its first moment until it is whole, by which process it is made, and what else is made for it. The next restore
//     that wants its place, or has its IDs, takes all of that back when the process is known to have ended, and nobody has the machine in hand;
//     else it makes nothing in its place, and says what is to be removed by hand. A folder that was made when the restore was killed before the
//     machine was there is left, empty.
//   - What was restored is never taken for unchanged by the next increment: change tracking begins when all bytes are written.
package vsphere
