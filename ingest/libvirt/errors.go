package libvirt

import "errors"

// Errors of this package, for errors.Is.
var (
	// ErrBusy: another run, or another tool, does something with the domain.
	ErrBusy = errors.New("the domain is busy")

	// ErrScratch: the scratch directory has too little space, or none is left.
	ErrScratch = errors.New("scratch full")

	// ErrConsistency: the point would be less consistent than is required.
	ErrConsistency = errors.New("consistency not reached")

	// ErrEnded: the backup job ended before all was read.
	ErrEnded = errors.New("the backup job ended early")

	// ErrIOThreads: QEMU would end, and the machine with it, when the backup job's NBD server is left.
	ErrIOThreads = errors.New("its QEMU does not outlive a backup of disks that iothreads serve (fixed in QEMU 9.0)")

	// ErrRights: the domain's QEMU and we cannot share files.
	ErrRights = errors.New("not enough rights")
)
