package machine

import "errors"

// Errors of a machine's restore, for errors.Is.
var (
	// ErrNoDefinition: the point did not record what the machine is made of, in no form that is understood.
	ErrNoDefinition = errors.New("point without a machine's definition")

	// ErrBadDefinition: what the point recorded is no definition that can be understood.
	ErrBadDefinition = errors.New("definition that cannot be understood")

	// ErrExists: a machine of that name or UUID is there.
	ErrExists = errors.New("machine exists")

	// ErrRuns: the machine is not shut off.
	ErrRuns = errors.New("machine is not shut off")

	// ErrSnapshots: the machine has snapshots, or a saved state, that what its disks hold must not change under.
	ErrSnapshots = errors.New("machine has snapshots or a saved state")

	// ErrOther: the point's disks are not those of the machine.
	ErrOther = errors.New("disks do not match")

	// ErrNoStorage: there is no such place for disks, or they cannot lie in it.
	ErrNoStorage = errors.New("no place for images")

	// ErrNoDisk: the point has no image to restore.
	ErrNoDisk = errors.New("no disk to restore")

	// ErrHalf: a disk was being written in place, and holds neither what it held nor what the point has.
	ErrHalf = errors.New("partly overwritten")
)
