package vmx

import "errors"

// Errors of configurations, for errors.Is.
var (
	// ErrSyntax: a line is neither a key with its value nor a comment.
	ErrSyntax = errors.New("no line of a VMware configuration")

	// ErrTooBig: there is more than any machine's configuration has.
	ErrTooBig = errors.New("too big for a VMware configuration")
)
