package nbd

import (
	"context"

	"vbfs/libnbd"
)

// write writes p. Its end need not lie at a block of the server's: the rest of that block stays as it is.
func (c *connection) write(p []byte, off int64) error {
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

func (c *connection) writeBlocks(p []byte, off int64) error {
	return c.transfer(p, func(buf libnbd.AioBuffer, at int64) (uint64, error) {
		return c.AioPwrite(buf, uint64(off+at), nil)
	})
}

// read fills p. Neither its start nor its end need lie at a block of the server's.
func (c *connection) read(p []byte, off int64) error {
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

func (c *connection) readBlocks(p []byte, off int64) error {
	return c.transfer(p, func(buf libnbd.AioBuffer, at int64) (uint64, error) {
		return c.AioPread(buf, uint64(off+at), nil)
	})
}

// transfer moves p by several requests. io.WriterAt has no context: the timeout ends it.
func (c *connection) transfer(p []byte, issue func(buf libnbd.AioBuffer, at int64) (uint64, error)) error {
	return c.Transfer(context.Background(), p, c.export.request, issue)
}

var zeros = make([]byte, requestSize)

// zero makes a range read as zeros.
func (c *connection) zero(off, n int64) error {
	whole := n &^ (c.export.minBlock - 1)
	if !c.export.zero {
		whole = 0
	}
	err := c.Each(context.Background(), whole, c.zeros, func(at, n int64) (uint64, error) {
		return c.AioZero(uint64(n), uint64(off+at), nil)
	})
	for off, n = off+whole, n-whole; n > 0 && err == nil; {
		p := zeros[:min(n, int64(len(zeros)))]
		err = c.write(p, off)
		off, n = off+int64(len(p)), n-int64(len(p))
	}
	return err
}

// flush returns when what was written is durable, if the server has a word for it.
func (c *connection) flush() error {
	if !c.export.flush {
		return nil
	}
	return c.Once(context.Background(), func() (uint64, error) { return c.AioFlush(nil) })
}
