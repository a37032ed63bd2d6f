package nbd

import (
	"context"
	"runtime"
	"unsafe"

	"vbfs/libnbd"
)

// readAligned reads any range of the export, rounded out to what the server's minimum block size allows.
func (c *conn) readAligned(ctx context.Context, p []byte, off int64) error {
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

// read fills p by several requests at once. The first error is the result; by then nothing is in flight any more, or
// the handle is closed.
func (c *conn) read(ctx context.Context, p []byte, off int64) error {
	if c.failed != nil {
		return c.failed
	}
	var pin runtime.Pinner // the library writes into p between calls
	defer pin.Unpin()
	pin.Pin(unsafe.SliceData(p))

	var first error
	inFlight := make([]uint64, 0, c.depth)
	for sent := 0; ; {
		for sent < len(p) && len(inFlight) < c.depth && first == nil {
			n := min(len(p)-sent, int(c.export.request))
			buf := libnbd.AioBuffer{P: unsafe.Pointer(&p[sent]), Size: uint(n)}
			cookie, err := c.h.AioPread(buf, uint64(off)+uint64(sent), nil)
			if err != nil {
				first = err
				break
			}
			inFlight = append(inFlight, cookie)
			sent += n
		}
		if len(inFlight) == 0 {
			return first
		}
		before := len(inFlight)
		err := c.wait(ctx, func() (bool, error) {
			var failed error
			inFlight, failed = c.retire(inFlight)
			if first == nil {
				first = failed
			}
			return len(inFlight) < before, nil
		})
		if err != nil {
			return err
		}
	}
}

// retire takes the commands that ended out of a list, and returns the first error among them.
func (c *conn) retire(cookies []uint64) (left []uint64, first error) {
	left = cookies[:0]
	for _, cookie := range cookies {
		done, err := c.h.AioCommandCompleted(cookie)
		if err != nil && first == nil {
			first = err
		}
		if !done && err == nil {
			left = append(left, cookie)
		}
	}
	return left, first
}
