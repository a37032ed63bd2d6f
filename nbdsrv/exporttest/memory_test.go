package exporttest_test

import (
	"testing"

	"vbfs/nbdsrv"
	"vbfs/nbdsrv/exporttest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1, 511, 4096, 3<<20 + 123} {
		m, plain := exporttest.Random(size, 100<<10, uint64(size))
		exporttest.TestExport(t, func() nbdsrv.Export { return m }, plain)
	}
}
