// Package vsim is a test double of VMware vSphere: a vCenter with ESXi hosts, or a standalone ESXi, in this process. It is
// govmomi's vcsim with what backups need and vcsim lacks: disks that hold bytes, snapshots that freeze them, changed block
// tracking, exports and imports that carry data. Nothing of it is VMware's.
//
//	test --- Machine: guest's writes, an administrator's deeds ---+
//	                                                              v
//	program under test --TLS--> front: counts, troubles --> vcsim <--> Machine --> disk --> layer ... layer (flat)
//	                              |                                                 track: eras, changeId
//	                              +--> /folder, /nfc ----------------------> files of datastores
//
// A Host is what is connected to, a Machine one of its virtual machines; a Spec says what it is made of. A disk is a chain of
// layers: the flat, and a delta for every snapshot. A snapshot freezes the upper layer, and guests write to a new one; when it
// is removed, the delta sinks. The file [datastore] name/name-flat.vmdk is the flat, byte for byte. Disks are named by
// controller, bus and unit: scsi0-0.
//
// # What is real
//
// SOAP, REST and HTTP on sockets with TLS; the inventory and all of its objects as vcsim makes them; sessions, that end; files
// of datastores, and ranges of them; frozen flats, that are files which do not change; paging, offsets and faults of
// QueryChangedDiskAreas; service tickets, that are good for one request to one host, which has an address of its own; tasks;
// leases, that end, and streamOptimized data in them; nbdkit, with a plugin in C in the place of VMware's (see VDDK).
//
// # What is not
//
// Deltas are this package's own: the -sesparse.vmdk beside their descriptors holds no data. The grain of tracking is 64 KiB on
// every hardware version. VDDK is a double, which sees a host's disks as files and has only names for transports. Guests do not
// run: writes are the test's. There is no stun that could be measured, no limit of NFC connections, no real quiescing; other
// hosts' locks are there only if Options say so, and consolidation takes no time but what Slow adds. Where it is not known what
// vSphere does, the double does what is worst for a program that trusts it: a disk that grew is not told as changed, numbers of
// changeIds come again after a revert, and tracking that began while there was a snapshot keeps silent about what was written
// before.
package vsim

import _ "github.com/vmware/govmomi/vapi/simulator" // tags
