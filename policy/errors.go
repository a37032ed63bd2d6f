package policy

import "errors"

// ErrValue: what an attribute says is not understood.
var ErrValue = errors.New("not understood")
