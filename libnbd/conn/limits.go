package conn

import (
	"fmt"

	"vbfs/libnbd"
)

// Bounds of block size constraints: NBD specification, "Block size constraints".
const (
	maxMinimumBlock = 64 << 10 // a server's minimum lies between 1 and this, a power of two
	defaultMaximum  = 32 << 20 // what a server that names no maximum accepts
)

// BlockSizes tells what offset and length of every request have to be multiples of, and the length of the largest read or write: the
// server's largest, or largest.
func (c *Conn) BlockSizes(largest int64) (minimum, request int64, err error) {
	low, err := c.GetBlockSize(libnbd.SIZE_MINIMUM)
	if err != nil {
		return 0, 0, err
	}
	high, err := c.GetBlockSize(libnbd.SIZE_MAXIMUM)
	if err != nil {
		return 0, 0, err
	}
	if low == 0 {
		low = 1
	}
	if high == 0 {
		high = defaultMaximum
	}
	if low&(low-1) != 0 || low > maxMinimumBlock || high < low {
		return 0, 0, fmt.Errorf("%w: block sizes from %d to %d", ErrProtocol, low, high)
	}
	request = int64(min(high, uint64(largest)))
	return int64(low), request &^ int64(low-1), nil
}
