// Package qmp talks to a running QEMU, or qemu-storage-daemon, through its monitor: a Unix socket on which both sides
// send JSON objects (QEMU, docs/interop/qmp-spec.txt, "QMP" below).
//
//	Dial --connect--> greeting --> qmp_capabilities --> Do, Do, Do ... Close
//	                     |                               |
//	       none: somebody else is connected              +-- Events: what QEMU said of itself meanwhile
//
// A monitor has one client at a time. QEMU lets a second one connect, and says nothing to it until the first is gone: no
// greeting in time is ErrBusy.
//
// Words: a node is an image or a filter over one in QEMU's graph of block devices, and has a name; a Block is a device of
// the machine with the node that it reads; a bitmap belongs to a node and notes which parts were written; an export makes a
// node seen by others.
//
// Invariants:
//
//   - One command at a time is under way. An answer is told by the number that its command had, in which no two clients agree:
//     QEMU gives what one did not wait for to the next.
//   - Every command has a deadline. One that is given up breaks the connection, for its answer may come yet: whether it was
//     done is not known, and has to be looked at over a new one.
//   - What QEMU sends is bounded (maxMessage) before it is kept.
//
// Nothing here knows of captures.
package qmp
