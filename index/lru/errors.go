package lru

import "errors"

// errPanicked is what waiters get when the load that they waited for never returned.
var errPanicked = errors.New("load panicked")
