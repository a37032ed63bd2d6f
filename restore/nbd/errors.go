package nbd

import "errors"

// Errors of a Target, for errors.Is.
var (
	// ErrProtocol: the server's answer breaks the NBD specification or does not add up.
	ErrProtocol = errors.New("nbd protocol violation")

	// ErrTimeout: the server gave no sign of life for Options.Timeout.
	ErrTimeout = errors.New("server does not answer")

	// ErrClosed: the Target was closed.
	ErrClosed = errors.New("target is closed")
)
