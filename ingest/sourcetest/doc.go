// Package sourcetest is what every ingest.Source must pass: a full capture of a disk whose bytes are known.
//
//	func TestSource(t *testing.T) {
//		sourcetest.Test(t, func(t *testing.T) ingest.Source { ... }, plain)
//	}
//
// It checks what the engine relies on: the size, extents that cover every byte once and in order, zero extents that
// are zero, reads of any range from many goroutines, an error (and no wrong byte) at the end, and a Close that ends it.
package sourcetest
