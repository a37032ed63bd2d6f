// Package target chooses what a disk is restored to, by name:
//
//	nbd://HOST/EXPORT, nbds://…, nbd+unix:///EXPORT?socket=PATH, nbds+unix://…   restore/nbd
//	a block device                                                              restore/device
//	PATH.qcow2, PATH.vmdk, or a Spec with that format                           restore/image
//	any other PATH, or file:PATH                                                restore/raw
//
// What looks like another program's image, or like a URI of another kind, is refused rather than written to as a raw
// file that happens to have that name.
package target
