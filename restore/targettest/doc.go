// Package targettest is what every restore.Target must pass.
//
//	func TestTarget(t *testing.T) {
//		targettest.Test(t, func(t *testing.T, size int64) targettest.Place { ... })
//	}
//
// It writes and zeroes random ranges of disks of even and odd sizes, in random order and from many goroutines, and
// compares what is stored with a model: as the target reads it back before Sync, and as somebody else reads it after
// Close. It restores images by restore.Copy, verified, and has restores fail: by the image, by cancellation, and by
// Close without Sync.
package targettest
