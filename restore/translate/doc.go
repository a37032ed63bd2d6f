// Package translate says what a machine is made of in another hypervisor's words.
//
//	point: vsphere-config -------------------+                          +--> Domain: libvirt's XML
//	       libvirt-domain (-live) --Config-->| VirtualMachineConfigInfo |
//	       vmx ------------------------------+                          +--> VMX: a .vmx file
//
// All of it goes by vSphere's ConfigInfo: what was recorded so is taken as it is, the rest is put into it, and out of it again.
//
// Words: a note is a sentence for the user about what is not as it was. A place is where a disk is plugged in, as scsi0-0: that is what
// points of VMware's machines call their disks.
//
// Invariants:
//
//   - What has no translation is in a note, never silently lost. What is of a host, as a network or a datastore, keeps its name: whether
//     it is there is for whoever makes the machine to find out.
//   - A disk's name in the point leads to the disk in the translation, for every disk of the point that the definition has.
//   - Disks keep their order. Where the other side has the same controller, or one that the guest's driver takes for it, it is that one.
//     Else it is one that guests have a driver of their own for: a machine that does not boot is worth less than a slow one.
//   - What firmware keeps, its NVRAM and the state of a TPM, is no matter of words: no hypervisor understands another one's.
//
// Pure: nothing is asked of any host.
package translate
