package nbdsrv

import (
	"math/bits"
	"sync"
)

// bufferRoom is what a buffer has beyond its power of two, in bytes: room for the headers that go with the data.
const bufferRoom = 1 << 10

// Buffers come in powers of two from 4 KiB (the common request) to maxRequest.
const (
	minClass = 12
	maxClass = 25
)

// pools hold buffers that no reply uses, by class.
var pools [maxClass - minClass + 1]sync.Pool

// A buffer is what a reply is put together in.
type buffer struct {
	b     []byte
	class int
}

// bufferSize is the capacity of the buffer that getBuffer(n) gives.
func bufferSize(n int) int64 { return 1<<classOf(n) + bufferRoom }

func classOf(n int) int { return max(bits.Len(uint(n-1)), minClass) }

// getBuffer gives an empty buffer for n bytes of data, 0 < n <= maxRequest, and their headers.
func getBuffer(n int) *buffer {
	class := classOf(n)
	if b, ok := pools[class-minClass].Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, 0, bufferSize(n)), class: class}
}

// put gives b back.
func (b *buffer) put() {
	b.b = b.b[:0]
	pools[b.class-minClass].Put(b)
}

// extend makes b longer by n bytes, for which it has room, and gives these.
func (b *buffer) extend(n int) []byte {
	at := len(b.b)
	b.b = b.b[:at+n]
	return b.b[at:]
}
