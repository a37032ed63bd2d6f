package virtnbd

import "errors"

// Errors of sets and streams, for errors.Is.
var (
	// ErrDamaged: a stream is not what virtnbdbackup wrote, or was not written to its end.
	ErrDamaged = errors.New("damaged")

	// ErrMissing: a stream that others build on, or that a checkpoint names, is not in the set.
	ErrMissing = errors.New("missing")

	// ErrUnsure: what a stream says can be understood in two ways. Restore it with virtnbdrestore, and back up what comes out.
	ErrUnsure = errors.New("ambiguous")

	// ErrTooLarge: a set has more frames than are held in memory.
	ErrTooLarge = errors.New("more frames than can be held")

	// ErrNoSet: a directory holds no stream of virtnbdbackup.
	ErrNoSet = errors.New("no set of virtnbdbackup")
)
