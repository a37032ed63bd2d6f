package table

import (
	"errors"
	"fmt"
)

var (
	// ErrDamaged says that a file with a segment's name is not what the name says.
	ErrDamaged = errors.New("damaged table segment")
	// ErrForeign says that something in the table's directory has no segment's name or is no file. It is never removed.
	ErrForeign = errors.New("not a table segment")

	errPanic = errors.New("bbolt gave up")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
}
