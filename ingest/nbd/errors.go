package nbd

import "errors"

// Errors of a Source, for errors.Is.
var (
	// ErrNoBitmap: the server does not offer the dirty bitmap that was asked for. A full read still works.
	ErrNoBitmap = errors.New("no such dirty bitmap")

	// ErrProtocol: the server's answer breaks the NBD specification or does not add up.
	ErrProtocol = errors.New("nbd protocol violation")

	// ErrTimeout: the server gave no sign of life for Options.Timeout.
	ErrTimeout = errors.New("server does not answer")

	// ErrLost: the server, or what lies between, ended the connection.
	ErrLost = errors.New("connection lost")

	// ErrClosed: the Source was closed.
	ErrClosed = errors.New("source is closed")
)
