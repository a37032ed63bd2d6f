package nbd

import (
	"errors"

	"vbfs/libnbd/conn"
)

// Errors of a Source, for errors.Is.
var (
	// ErrNoBitmap: the server does not offer the dirty bitmap that was asked for. A full read still works.
	ErrNoBitmap = errors.New("no such dirty bitmap")

	// ErrProtocol: the server's answer breaks the NBD specification or does not add up.
	ErrProtocol = conn.ErrProtocol

	// ErrTimeout: the server gave no sign of life for Options.Timeout.
	ErrTimeout = conn.ErrTimeout

	// ErrLost: the server, or what lies between, ended the connection.
	ErrLost = conn.ErrLost

	// ErrClosed: the Source was closed.
	ErrClosed = conn.ErrClosed
)
