package file

import "errors"

// Errors of a Source, for errors.Is.
var (
	// ErrShrunk: the file is shorter than it was at Open.
	ErrShrunk = errors.New("file became shorter during the capture")

	// ErrNotDisk: the path is neither a file nor a block device.
	ErrNotDisk = errors.New("neither a file nor a block device")
)
