package exporttest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
)

// Memory is an export in memory: bytes, and where they are holes.
type Memory struct {
	plain []byte
	runs  []run // ordered by end, the last one ends with plain; neighbours may be of one kind
}

type run struct {
	end  int64
	data bool
}

// Random makes an export of size bytes with runs of random data and holes of random lengths up to longest, and gives
// its bytes.
func Random(size int64, longest int64, seed uint64) (*Memory, []byte) {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	noise := rand.NewChaCha8(key)
	rnd := rand.New(noise)
	m := &Memory{plain: make([]byte, size)}
	for off := int64(0); off < size; {
		n := min(1+rnd.Int64N(longest), size-off)
		data := rnd.IntN(2) == 0
		if data {
			noise.Read(m.plain[off : off+n])
		}
		off += n
		m.runs = append(m.runs, run{off, data})
	}
	return m, m.plain
}

// Size is the number of bytes.
func (m *Memory) Size() int64 { return int64(len(m.plain)) }

// ReadAt reads as io.ReaderAt says.
func (m *Memory) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= m.Size() {
		return 0, io.EOF
	}
	n := copy(p, m.plain[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Extent tells of the run at off.
func (m *Memory) Extent(off int64) (n int64, data bool, err error) {
	i := sort.Search(len(m.runs), func(i int) bool { return m.runs[i].end > off })
	if off < 0 || i == len(m.runs) {
		return 0, false, fmt.Errorf("extent at %d of %d bytes", off, m.Size())
	}
	return m.runs[i].end - off, m.runs[i].data, nil
}
