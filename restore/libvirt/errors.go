package libvirt

import "errors"

// Errors of a restore to libvirt, for errors.Is.
var (
	// ErrNoDefinition: the point did not record a libvirt domain.
	ErrNoDefinition = errors.New("point without a libvirt definition")

	// ErrBadDefinition: what the point recorded is no definition that can be understood.
	ErrBadDefinition = errors.New("definition that cannot be understood")

	// ErrDomainExists: a domain of that name or UUID is there.
	ErrDomainExists = errors.New("domain exists")

	// ErrRuns: the domain is not shut off.
	ErrRuns = errors.New("domain is not shut off")

	// ErrSnapshots: the domain has snapshots, or a saved state, that what its disks hold must not change under.
	ErrSnapshots = errors.New("domain has snapshots or a saved state")

	// ErrOther: the point's disks are not those of the domain.
	ErrOther = errors.New("disks do not match")

	// ErrRemote: disks can only be written on the host itself.
	ErrRemote = errors.New("not on this host")

	// ErrNoStorage: there is no such directory or storage pool, or images cannot lie in it.
	ErrNoStorage = errors.New("no place for images")

	// ErrNoDisk: the point has no image to restore.
	ErrNoDisk = errors.New("no disk to restore")

	// ErrHalf: a disk was being written in place, and holds neither what it held nor what the point has.
	ErrHalf = errors.New("partly overwritten")
)
