package restore

import "errors"

// Errors of a restore, for errors.Is.
var (
	// ErrExists: the target holds something already, and Spec.Overwrite does not allow to lose it.
	ErrExists = errors.New("exists already, and overwriting is not allowed")

	// ErrTooSmall: the disk does not fit the target.
	ErrTooSmall = errors.New("target is smaller than the disk")

	// ErrNoSpace: the file system of the target has not enough room for the disk's data.
	ErrNoSpace = errors.New("not enough free space")

	// ErrReadOnly: the target cannot be written.
	ErrReadOnly = errors.New("target is read-only")

	// ErrInUse: a device is mounted, or part of something that is in use.
	ErrInUse = errors.New("device is mounted or otherwise in use")

	// ErrUnsupported: there is no target of this kind, or not in this format.
	ErrUnsupported = errors.New("unsupported target")

	// ErrMismatch: what was read back is not what the image holds.
	ErrMismatch = errors.New("target differs from the image")

	// ErrNoReread: a target that cannot be read back was to be verified.
	ErrNoReread = errors.New("target cannot be read back")

	// ErrImage: the image's extents do not add up.
	ErrImage = errors.New("image with a broken map")
)
