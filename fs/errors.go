package fs

import "errors"

var (
	// ErrMountPoint refuses a mount point that is not an empty directory.
	ErrMountPoint = errors.New("mount point must be an empty directory")
	// ErrBusy says that the mount is gone from the tree, but that files of it are still open: they work until the process
	// ends.
	ErrBusy = errors.New("files of the mount are still open")

	// errAbsent says that a folder has no such name.
	errAbsent = errors.New("no such name")
	// errNoData says that no data follows an offset.
	errNoData = errors.New("nothing but a hole up to the end")
)
