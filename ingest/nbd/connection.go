package nbd

import (
	"context"

	"vbfs/libnbd"
	"vbfs/libnbd/conn"
)

// dirtyPrefix makes a metadata context of a bitmap's name: QEMU, docs/interop/nbd.txt.
const dirtyPrefix = "qemu:dirty-bitmap:"

// A connection is one of a Source's.
type connection struct {
	*conn.Conn
	export  export
	bitmaps []string // metadata contexts
}

// dial connects, and learns what the export is.
func dial(ctx context.Context, uri string, opts Options, closing <-chan struct{}) (*connection, error) {
	c := &connection{}
	for _, name := range opts.Bitmaps {
		c.bitmaps = append(c.bitmaps, dirtyPrefix+name)
	}
	var err error
	c.Conn, err = conn.Dial(ctx, uri, conn.Options{Contexts: c.bitmaps, InFlight: opts.RequestsInFlight, Timeout: opts.Timeout, Closing: closing})
	if err != nil {
		return nil, err
	}
	if c.export, err = describe(c.Conn, c.bitmaps); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// readAligned reads any range of the export, rounded out to what the server's minimum block size allows.
func (c *connection) readAligned(ctx context.Context, p []byte, off int64) error {
	mask := c.export.minBlock - 1
	if (off|int64(len(p)))&mask == 0 {
		return c.read(ctx, p, off)
	}
	start := off &^ mask
	end := min((off+int64(len(p))+mask)&^mask, c.export.size)
	whole := make([]byte, end-start)
	if err := c.read(ctx, whole, start); err != nil {
		return err
	}
	copy(p, whole[off-start:])
	return nil
}

func (c *connection) read(ctx context.Context, p []byte, off int64) error {
	return c.Transfer(ctx, p, c.export.request, func(buf libnbd.AioBuffer, at int64) (uint64, error) {
		return c.AioPread(buf, uint64(off+at), nil)
	})
}
