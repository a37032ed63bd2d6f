package nbd

import (
	"errors"

	"vbfs/libnbd/conn"
)

// Errors of a Target, for errors.Is.
var (
	// ErrProtocol: the server's answer breaks the NBD specification or does not add up.
	ErrProtocol = conn.ErrProtocol

	// ErrTimeout: the server gave no sign of life for Options.Timeout.
	ErrTimeout = conn.ErrTimeout

	// ErrNoBitmap: the server does not offer the dirty bitmap.
	ErrNoBitmap = errors.New("no such dirty bitmap")

	// ErrClosed: the Target was closed.
	ErrClosed = conn.ErrClosed
)
