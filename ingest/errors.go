package ingest

import (
	"errors"
	"fmt"
)

// ErrSource marks an error of what is captured, as against one of the repository: the disk fails, others go on.
var ErrSource = errors.New("source")

// ErrExtents says that a source reported extents that do not add up.
var ErrExtents = fmt.Errorf("%w: extents do not add up", ErrSource)

func sourceError(err error, format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, errors.Join(ErrSource, err))...)
}
