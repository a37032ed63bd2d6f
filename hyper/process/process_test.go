package process

import (
	"bytes"
	"testing"
)

func TestTail(t *testing.T) {
	t.Parallel()
	const size = 4 << 10
	last := tail{keep: size}
	for range 3 {
		last.Write(bytes.Repeat([]byte("a"), size))
		last.Write([]byte("end"))
	}
	if got := last.all(); len(got) != size || !bytes.HasSuffix(got, []byte("aend")) {
		t.Errorf("%d bytes", len(got))
	}
}
