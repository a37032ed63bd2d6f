// Package libvirt has control of a libvirt daemon: domains, their disks and change marks, backup jobs, the guest's agent.
//
//	Dial(URI) -> Conn -> Domain -> XML, State, Disks, Checkpoints, Backup, Freeze, Suspend
//	               |
//	   unix | ssh | tls      a byte stream, on which packets are bounded (frames)
//	               |
//	           libvirtd, which redial finds again when it was restarted
//
// # Words
//
// A domain is a virtual machine. A checkpoint is an instant from which on libvirt keeps track of what the guest writes, in one dirty
// bitmap for each disk. A backup job, in pull mode, holds the domain's disks as they were at one instant, and QEMU serves them
// over NBD until the job is ended; what the guest overwrites meanwhile goes to scratch files. A volume is a file in a storage pool, whose
// bytes come and go as streams, each by a connection of its own.
//
// # Invariants
//
// A call ends when its context does, whatever the daemon does; its answer is then dropped. Whether a call took effect that was given
// up, or lost with the connection, is not known: who changes something looks afterwards how things are.
//
// A stream that is called off ends within seconds, and tells the daemon so first: libvirtd 9.0 may crash when a client just goes.
//
// What only asks is asked again on a new connection when the daemon went away. What changes something is said once.
//
// Nothing here knows of points or captures.
package libvirt
