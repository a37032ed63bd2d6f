// Package ghettovcb reads the backups of ghettoVCB, so that they become points. A Tree is a directory that it wrote to; a folder,
// or the archive of one, is what one run wrote of one machine, and a Point of the Tree.
//
//	VOLUME/web01/web01-2026-11-20_20-03-27/   web01.vmx  web01.nvram  STATUS.ok
//	             |                            web01.vmdk   -> web01-flat.vmdk         zeroedthick, eagerzeroedthick, thin
//	             |                            web01_1.vmdk -> web01_1-s001.vmdk ...   2gbsparse
//	             |                            DATASTORE/data.vmdk -> ...              of a disk that lay elsewhere
//	             web01-2026-11-19_20-03-30.gz           a tar of such a folder
//	             web01-0/  web01-1/                     rotated by index
//
//	.vmx -> disks -> descriptor -> layers, each with extents -> all flat: read here, with the holes of the files
//	                 descriptor.go  layer.go    extent.go    -> else: by qemu-nbd, as vmdk, from descriptors of our own
//
// # Invariants
//
// A descriptor is a text that others wrote, and QEMU would follow it to any file of this host. So no tool ever sees one of
// them: each is read here, checked, and what is given to QEMU is written anew in a directory of ours, in which names are
// links to files that are open already. A file is one of the folder's own, by a name without separators, a plain one, and
// the one that was listed: no link is followed, and swapping files behind our back changes nothing.
//
// QEMU reads zeros where a file ends too early, and goes by the sizes in the headers of sparse extents, not by those of the
// descriptor. So a flat extent has to be as long as its descriptor says, a sparse one has to be of as many sectors, every
// grain that it says it has must lie inside the file (grains.go), and a chain has to be complete, by content IDs.
//
// A folder is whole if STATUS.ok says so. Into archives ghettoVCB writes no status: their points say that it is not known.
//
// All lengths are bounded before they are used. An archive is unpacked below a scratch directory, into files that have no
// name there, so that nothing is left behind even by a run that is killed.
package ghettovcb
