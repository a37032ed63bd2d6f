// Package vmware restores a machine to a folder of VMware's files, for any host that reads them: ESXi, Workstation, Fusion, or what
// imports an OVF.
//
//	DIR/NAME/  NAME.vmx  NAME.vmdk + NAME-flat.vmdk (or -s001 ...)  NAME_1.vmdk ...  NAME.nvram      flat, thin, 2gbsparse
//	DIR/NAME/  NAME.ovf  NAME-disk1.vmdk  NAME-disk2.vmdk ...       NAME.nvram      NAME.mf          streamOptimized
//
// Words: the folder is the machine's, DIR is where it is made. Files are named after the machine, as far as its name can be one; its
// configuration has the name as it is. Those of an OVF have ASCII letters only, for they are addresses there. An OVF is described by DMTF DSP0243; the manifest, .mf, holds SHA-256 of the other files.
//
// What holds:
//   - The folder appears complete, or not at all: it is made as DIR/.restoring-123/NAME, where a killed restore leaves it.
//   - A folder that is there is replaced only when it was said so, as a whole, and only if it holds a machine's files alone, of a
//     machine that is off and has no snapshots.
//   - A .vmx file that the point recorded is kept, but for what names files, and IDs if they are to be new. Otherwise the configuration
//     is written by package restore/translate.
//   - What cannot be in these files is in a note.
package vmware
