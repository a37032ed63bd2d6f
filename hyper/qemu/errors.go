package qemu

import "errors"

// Errors of this package, for errors.Is.
var (
	// ErrNoTool: a program of QEMU's is not installed.
	ErrNoTool = errors.New("not installed")

	// ErrBacking: an image's base cannot be opened safely.
	ErrBacking = errors.New("unsafe backing file")

	// ErrDamaged: an image is cut off or its tables are wrong. QEMU reads zeros where a file is cut off.
	ErrDamaged = errors.New("image is damaged")

	// ErrInUse: a process, most likely a machine that runs, may write to the image.
	ErrInUse = errors.New("image is in use by another process")

	// ErrNoLocks: the file system knows no locks.
	ErrNoLocks = errors.New("no file locks")

	// ErrNoFormat: the caller did not say what format the image has.
	ErrNoFormat = errors.New("image format not given")

	// ErrNotListening: the server did not come up in time.
	ErrNotListening = errors.New("server does not listen")

	// ErrKilled: the server did not end when it was asked to and was killed; what was written may not be on disk.
	ErrKilled = errors.New("server had to be killed")
)
