package fs

import (
	"context"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A node is what stands in a folder under a name.
type node interface {
	fusefs.InodeEmbedder

	identity() fusefs.StableAttr

	// stat fills in size, links and times; callers know type and number.
	stat(ctx context.Context, a *fuse.Attr) error

	// life tells for how long what stat says is true.
	life() time.Duration
}

// forever is how long the kernel may trust what cannot change.
const forever = 365 * 24 * time.Hour

// Permissions. Who may not see a disk may not enter the mount.
const (
	dirMode  = 0o555
	fileMode = 0o444
	linkMode = 0o777
)

// setTimes gives all times of a node: when the point was taken, as far as that can be told.
func setTimes(a *fuse.Attr, t time.Time) {
	if !t.IsZero() {
		a.SetTimes(&t, &t, &t)
	}
}

// setSize gives size and blocks; stored is what is not in holes. 64 KiB are what is read best.
func setSize(a *fuse.Attr, size, stored int64) {
	a.Size, a.Blocks = uint64(size), uint64(min(stored, size)+511)/512
	a.Blksize = 64 << 10
}
