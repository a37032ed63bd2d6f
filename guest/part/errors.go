package part

import "errors"

var (
	// ErrInvalid says that there is a partition table but that it contradicts itself or the disk.
	ErrInvalid = errors.New("invalid partition table")
	// ErrUnsupported says that a partition table is of a revision or shape that is not known here.
	ErrUnsupported = errors.New("unsupported partition table")
)
