// Package vsphere has control of a vCenter or of a single ESXi host: inventory, machines, snapshots, change tracking, files of
// datastores, export leases, and VDDK through nbdkit.
//
//	Login(Server) -> Conn -> Machines, Find       the inventory, in a few round trips
//	                  |------ Values, SetAttributes  custom attributes, tags
//	                  |------ Machine             all that a capture asks of one, in one round trip
//	                  |------ Snapshot, Remove, Consolidate, SetTracking, Changes
//	                  |------ File                ranges of a datastore's file over HTTPS, from the machine's host or vCenter
//	                  |       Stream              a longer range, read bit by bit: what is read in order is asked for once
//	                  |------ Lease               whole disks as streams, out of snapshots and into machines that are imported
//	                  |------ VDDK                an nbdkit that reads or writes a disk with VMware's library
//	                  |
//	              session   one login for all, kept alive, made again when it has expired
//	               trust    whose certificates are believed
//
// # Words
//
// A reference (moRef: vm-42) names an object for as long as it is registered; a machine's instance UUID survives that, and its
// path /DC/vm/folder/NAME is for people. A change mark (changeId: UUID/number) names an instant from which on VMware keeps track of
// what is written to one disk (changed block tracking, CBT). A disk of a snapshot is known by its device key.
//
// # Invariants
//
// Objects are read with the property collector, many at once. Tasks are asked for how they are until they end: a session that is lost
// meanwhile loses nothing. What only asks is asked again when the network failed; what changes something is said once, but for a
// session that had expired, in which nothing was done.
//
// Nobody is believed whose certificate is not: by the thumbprint that was named, else by the authorities; hosts by the thumbprint that
// the server gave.
//
// What VMware answers about changes has to add up to the disk, or it is an error: who asks then reads everything.
//
// Nothing here knows of points or captures.
package vsphere
