package table

import (
	"errors"
	"fmt"
)

var (
	// ErrDamaged says that a segment's bytes are not what its writer wrote.
	ErrDamaged = errors.New("damaged table segment")
	// ErrForeign says that a file of the table's directory is not a segment.
	ErrForeign = errors.New("not a table segment")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
}
