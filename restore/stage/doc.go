// Package stage lets a file appear under its name complete, or not at all.
//
//	DIR/.restoring-123/disk.qcow2   <- written here, under its last name: formats that record it (vmdk) record the right one
//	DIR/disk.qcow2                  <- Commit renames it; until then what was there before is untouched
//
// The directory is its owner's alone while it is there. Close removes it with all that is in it; a process that was
// killed leaves it, under a name that nobody takes for a disk.
package stage
