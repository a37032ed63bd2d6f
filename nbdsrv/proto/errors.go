package proto

import "errors"

var (
	// ErrMalformed is wrapped by every decoder's error for bytes that are not the message they should be.
	ErrMalformed = errors.New("malformed message")

	// ErrTooBig is wrapped when a message is well formed but carries a string longer than MaxString.
	ErrTooBig = errors.New("string too long")
)
