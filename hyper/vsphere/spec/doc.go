// Package spec makes of what was recorded of a machine what a server is to make: of vSphere's ConfigInfo a ConfigSpec. It is pure.
//
//	ConfigInfo --Make(Wish)--> Plan: Spec      the machine, its controllers, cards and drives, without disks
//	                             |---- Disk    one disk, for a machine that is there: its controller is looked up
//	                             |---- Settle  what has to know keys of devices: the order of booting, the video card
//	                             '---- Notes   what is not as it was, a sentence each
//
// Foresee tells the notes alone, of those things that no server could make again: it is for who records.
//
// # Words
//
// An implicit device is one that every machine has: the IDE, PCI, PS/2 and Super I/O controllers, keyboard, mouse, video card. It is not
// added, and has the same key in all machines. Others get temporary keys, which are negative; the server gives the real ones.
//
// # Invariants
//
// A device is carried over, implicit, or noted: never left out in silence. What names an object of the recorded machine alone, as its
// files, checksums and change marks, is not carried over.
//
// vSphere Web Services API: VirtualMachineConfigInfo, VirtualMachineConfigSpec, VirtualDeviceConfigSpec.
package spec
