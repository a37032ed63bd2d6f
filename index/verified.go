package index

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"time"

	"vbfs/index/format"
	"vbfs/index/object"
)

// VerifiedAt tells as of when each point is known to be whole: the oldest instant at which one of the packs that its maps
// name was read in full and found good. A point that is not in it was never verified, or not all of it, or damage was
// found since. A damaged record of verification counts for nothing. The map must not be changed.
func (r *Repository) VerifiedAt(ctx context.Context) (map[format.UUID]time.Time, error) {
	last, err := r.lastVerified(ctx)
	return last.points, ignoreDamage(err)
}

// Coverage is how much of a repository was verified: of its packs and bundles, in bytes.
type Coverage struct {
	Bytes  int64
	Since  int64     // of these, read in full and found good since some instant
	Never  int64     // of these, never, or found damaged since
	Oldest time.Time // verification of the others; zero when there are none
}

// Coverage tells how much was verified, and how much of it since an instant.
func (r *Repository) Coverage(ctx context.Context, since time.Time) (*Coverage, error) {
	v, err := r.lastVerified(ctx)
	if err := ignoreDamage(err); err != nil {
		return nil, err
	}
	at := instants(v.Packs)
	c := &Coverage{}
	for _, folder := range []string{packsFolder, bundlesFolder} {
		for info, err := range r.store.List(ctx, folder) {
			if err != nil {
				return nil, fmt.Errorf("list %s: %w", folder, err)
			}
			if id, err := format.ParsePackID(path.Base(info.Name)); err == nil {
				c.add(info.Size, at[id], since)
			}
		}
	}
	return c, nil
}

func (c *Coverage) add(bytes int64, at, since time.Time) {
	c.Bytes += bytes
	if at.IsZero() {
		c.Never += bytes
		return
	}
	if !at.Before(since) {
		c.Since += bytes
	}
	if c.Oldest.IsZero() || at.Before(c.Oldest) {
		c.Oldest = at
	}
}

// A verifiedRecord is a record of verification that was read.
type verifiedRecord struct {
	number int
	format.Verified
	points map[format.UUID]time.Time
}

// lastVerified gives the record that counts; an empty one when there is none, or with an error when it cannot be read. It
// must not be changed.
func (r *Repository) lastVerified(ctx context.Context) (*verifiedRecord, error) {
	for {
		number, err := r.verifiedNumber(ctx)
		if err != nil || number == 0 {
			return &verifiedRecord{}, err
		}
		r.mu.Lock()
		known := r.verified
		r.mu.Unlock()
		if known != nil && known.number == number {
			return known, nil
		}
		v := &verifiedRecord{number: number}
		err = r.get(ctx, format.KindVerified, verifiedName(number), &v.Verified)
		if errors.Is(err, object.ErrNotExist) {
			continue // a later one has taken its place
		}
		if err != nil {
			return &verifiedRecord{number: number}, err
		}
		v.points = instants(v.Points)
		r.mu.Lock()
		r.verified = v
		r.mu.Unlock()
		return v, nil
	}
}

// verifiedNumber gives the highest number of a record, 0 when there is none.
func (r *Repository) verifiedNumber(ctx context.Context) (highest int, err error) {
	for info, err := range r.store.List(ctx, verifiedFolder) {
		if err != nil {
			return 0, fmt.Errorf("list records of verification: %w", err)
		}
		if n, ok := parseVerifiedName(info.Name); ok {
			highest = max(highest, n)
		}
	}
	return highest, nil
}

func verifiedName(n int) string { return fmt.Sprintf("%s/%08d", verifiedFolder, n) }

// parseVerifiedName gives the number of a record.
func parseVerifiedName(name string) (int, bool) {
	n, err := strconv.Atoi(name[len(verifiedFolder)+1:])
	return n, err == nil && n > 0 && verifiedName(n) == name
}
