package nbdsrv

import (
	"crypto/tls"
	"time"
)

// Options of a Server. The zero value is ready to use.
type Options struct {
	TLS              *tls.Config   // for STARTTLS; nil: TLS is not offered
	RequireTLS       bool          // without TLS, nothing is answered but STARTTLS and ABORT
	MaxConns         int           // connections served at once, more wait to be accepted; default 100
	HandshakeTimeout time.Duration // from accepting to transmission; default 10 s
	InFlight         int           // requests of one connection worked on at once; default 16
	InFlightBytes    int64         // their buffers' bytes; default 64 MiB, at least room for the longest request

	// OnError, when not nil, hears what operators should know and clients are only told in short: reads that failed,
	// exports that could not be opened, broken handshakes. Connections call it at the same time.
	OnError func(error)
}

// withDefaults fills in what the caller left zero.
func (o Options) withDefaults() Options {
	if o.MaxConns <= 0 {
		o.MaxConns = 100
	}
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = 10 * time.Second
	}
	if o.InFlight <= 0 {
		o.InFlight = 16
	}
	if o.InFlightBytes <= 0 {
		o.InFlightBytes = 64 << 20
	}
	o.InFlightBytes = max(o.InFlightBytes, maxRequest+bufferRoom)
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	return o
}
