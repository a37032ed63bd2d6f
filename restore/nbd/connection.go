package nbd

import (
	"context"

	"vbfs/libnbd/conn"
)

// depth is how many requests of one call are in flight.
const depth = 8

// A connection is one of a Target's.
type connection struct {
	*conn.Conn
	export export
	zeros  int64 // length of the largest write-zeroes
	bitmap string
}

// dial connects, and learns what the export is.
func dial(ctx context.Context, uri string, opts Options) (*connection, error) {
	o := conn.Options{InFlight: depth, Timeout: opts.Timeout}
	if opts.Bitmap != "" {
		o.Contexts = []string{dirtyContext + opts.Bitmap}
	}
	h, err := conn.Dial(ctx, uri, o)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: h, zeros: opts.ZeroSize, bitmap: opts.Bitmap}
	if c.export, err = describe(h); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
