package nbd

import (
	"context"
	"runtime"
	"unsafe"

	"vbfs/libnbd"
)

// write writes p. Its end need not lie at a block of the server's: the rest of that block stays as it is.
func (c *conn) write(p []byte, off int64) error {
	whole := int64(len(p)) &^ (c.export.minBlock - 1)
	if err := c.writeBlocks(p[:whole], off); err != nil || whole == int64(len(p)) {
		return err
	}
	block := make([]byte, c.export.minBlock)
	if err := c.readBlocks(block, off+whole); err != nil {
		return err
	}
	copy(block, p[whole:])
	return c.writeBlocks(block, off+whole)
}

func (c *conn) writeBlocks(p []byte, off int64) error {
	return c.transfer(p, func(buf libnbd.AioBuffer, at int64) (uint64, error) {
		return c.h.AioPwrite(buf, uint64(off+at), nil)
	})
}

// read fills p. Neither its start nor its end need lie at a block of the server's.
func (c *conn) read(p []byte, off int64) error {
	mask := c.export.minBlock - 1
	start, end := off&^mask, (off+int64(len(p))+mask)&^mask
	if end-start == int64(len(p)) {
		return c.readBlocks(p, off)
	}
	whole := make([]byte, end-start)
	if err := c.readBlocks(whole, start); err != nil {
		return err
	}
	copy(p, whole[off-start:])
	return nil
}

func (c *conn) readBlocks(p []byte, off int64) error {
	return c.transfer(p, func(buf libnbd.AioBuffer, at int64) (uint64, error) {
		return c.h.AioPread(buf, uint64(off+at), nil)
	})
}

// transfer issues a request for every part of p, which stays in place while the library uses it.
func (c *conn) transfer(p []byte, issue func(buf libnbd.AioBuffer, at int64) (uint64, error)) error {
	if len(p) == 0 {
		return nil
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(unsafe.SliceData(p))
	// io.WriterAt has no context: the timeout ends it.
	return c.each(context.Background(), int64(len(p)), c.export.request, func(at, n int64) (uint64, error) {
		return issue(libnbd.AioBuffer{P: unsafe.Pointer(&p[at]), Size: uint(n)}, at)
	})
}

var zeros = make([]byte, requestSize)

// zero makes a range read as zeros.
func (c *conn) zero(off, n int64) error {
	whole := n &^ (c.export.minBlock - 1)
	if !c.export.zero {
		whole = 0
	}
	err := c.each(context.Background(), whole, c.zeros, func(at, n int64) (uint64, error) {
		return c.h.AioZero(uint64(n), uint64(off+at), nil)
	})
	for off, n = off+whole, n-whole; n > 0 && err == nil; {
		p := zeros[:min(n, int64(len(zeros)))]
		err = c.write(p, off)
		off, n = off+int64(len(p)), n-int64(len(p))
	}
	return err
}

// flush returns when what was written is durable, if the server has a word for it.
func (c *conn) flush() error {
	if !c.export.flush {
		return nil
	}
	return c.each(context.Background(), 1, 1, func(int64, int64) (uint64, error) { return c.h.AioFlush(nil) })
}
