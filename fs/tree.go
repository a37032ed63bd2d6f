package fs

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"vbfs/index"
	"vbfs/index/format"
)

// freshness is how long a listing counts.
const freshness = time.Second

// maxOpened bounds the manifests that are kept: each is some KiB for each disk, and the configuration, which is 0.5 to 4
// MiB where NVRAM is recorded.
const maxOpened = 32

// A tree is what the nodes of one mount share.
type tree struct {
	repo    *index.Repository
	onError func(error)
	opened  *lru.Cache[format.UUID, *opened]

	mu      sync.Mutex // guards all below; held while listing: one request lists for all
	now     *listing
	err     error // of the last try to list
	expires time.Time
}

func newTree(repo *index.Repository, onError func(error)) (*tree, error) {
	cache, err := lru.New[format.UUID, *opened](maxOpened)
	return &tree{repo: repo, onError: onError, opened: cache, now: newListing(nil)}, err
}

// listing gives the points as they were less than a second ago.
func (t *tree) listing(ctx context.Context) (*listing, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	start := time.Now()
	if start.Before(t.expires) {
		return t.now, t.err
	}
	summaries, err := t.repo.Points(context.WithoutCancel(ctx)) // others wait for it, too
	if t.err = err; err == nil && !slices.Equal(summaries, t.now.summaries) {
		t.now = newListing(summaries)
	}
	// A store that lists slowly is not asked all the time.
	t.expires = start.Add(max(freshness, 2*time.Since(start)))
	return t.now, t.err
}

// remaining tells for how long what came from the listing may be trusted.
func (t *tree) remaining() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, time.Until(t.expires))
}

// fail gives the number of an error, and tells of one that the number does not explain.
func (t *tree) fail(err error) syscall.Errno {
	errno := errnoOf(err)
	if errno == syscall.EIO {
		t.onError(err)
	}
	return errno
}

// stored gives the bytes of a disk that are not in holes.
func (t *tree) stored(d *format.Disk) int64 {
	return min(d.Data<<t.repo.Config().Log2Block, d.Size)
}
