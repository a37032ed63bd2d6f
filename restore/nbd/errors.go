package nbd

import "errors"

// Errors of a Target, for errors.Is.
var (
	// ErrProtocol: the server's answer breaks the NBD specification or does not add up.
	ErrProtocol = errors.New("nbd protocol violation")

	// ErrTimeout: the server gave no sign of life for Options.Timeout.
	ErrTimeout = errors.New("server does not answer")

	// ErrNoBitmap: the server does not offer the dirty bitmap.
	ErrNoBitmap = errors.New("no such dirty bitmap")

	// ErrClosed: the Target was closed.
	ErrClosed = errors.New("target is closed")
)
