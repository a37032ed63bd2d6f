package nbdsrv

import "errors"

var (
	// ErrUnknownExport is what a Catalog's Open returns (or wraps) for a name that it does not know.
	ErrUnknownExport = errors.New("unknown export")

	// errProtocol is wrapped when a client breaks the protocol so that only closing the connection is left.
	errProtocol = errors.New("protocol violation")

	// errAbort ends a handshake that the client gave up in good order.
	errAbort = errors.New("aborted by the client")
)
