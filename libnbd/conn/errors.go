package conn

import "errors"

// Errors of a connection, for errors.Is.
var (
	// ErrProtocol: the server's answer breaks the NBD specification or does not add up.
	ErrProtocol = errors.New("nbd protocol violation")

	// ErrTimeout: the server gave no sign of life for Options.Timeout.
	ErrTimeout = errors.New("server does not answer")

	// ErrLost: the server, or what lies between, ended the connection.
	ErrLost = errors.New("connection lost")

	// ErrClosed: it was closed on this side.
	ErrClosed = errors.New("connection is closed")
)
