// Package machine is what restores of whole machines share, whatever runs them: what is restored, how that goes on, what came of it,
// and how what was made is taken back.
//
//	point -> Machine: its record, its configuration files, the images of its disks
//	           |
//	         restore/libvirt, restore/vsphere, restore/vmware  -> Result: disks, and notes for the user
//	           |
//	         Undo: the last that was made goes first
//
// Words: the recorded machine is the one that the point was captured from; a fresh one has a UUID and network addresses of its own. A
// note is a sentence for the user about what is not as it was.
package machine
