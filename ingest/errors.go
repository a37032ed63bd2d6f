package ingest

import (
	"errors"
	"fmt"
)

// ErrSource marks an error of what is captured, as against one of the repository: the disk fails, others go on.
var ErrSource = errors.New("source")

// ErrExtents says that a source reported extents that do not add up.
var ErrExtents error = &sourceFailure{errors.New("source reports extents that do not add up")}

// A sourceFailure is an error of what is captured. Its text is the error's own.
type sourceFailure struct{ err error }

func (f *sourceFailure) Error() string        { return f.err.Error() }
func (f *sourceFailure) Unwrap() error        { return f.err }
func (f *sourceFailure) Is(target error) bool { return target == ErrSource }

// A LeftError says what of a capture could not be undone. It comes beside a point that is whole.
type LeftError struct{ Err error }

func (e *LeftError) Error() string { return "left behind: " + e.Err.Error() }
func (e *LeftError) Unwrap() error { return e.Err }

func sourceError(err error, format string, args ...any) error {
	return &sourceFailure{fmt.Errorf(format+": %w", append(args, err)...)}
}
