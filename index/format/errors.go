package format

import (
	"errors"
	"fmt"
)

// ErrMalformed marks bytes that are not what their place says they should be: damage or forgery.
var ErrMalformed = errors.New("malformed")

// ErrUnknown marks what a later release may have written: a version, kind or critical field that this one does not know.
var ErrUnknown = errors.New("written by a newer release")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

func unknown(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnknown}, args...)...)
}
