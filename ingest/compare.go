package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// An Image is a captured disk, to be compared with a source.
type Image interface {
	io.ReaderAt
	Size() int64
	// Extent tells the length of the run at off, and whether it may hold anything but zeros.
	Extent(off int64) (n int64, data bool, err error)
}

// grain is how exactly Compare tells where disks differ, in bytes: as exactly as most file systems write.
const grain = 4096

// Compare reads a source and an image, and tells of the ranges that differ, in order. Where one ends before the other, the
// rest differs. What both say to be zero is not read.
func Compare(ctx context.Context, src Source, img Image, p *Progress, differs func(off, n int64) error) error {
	size := min(src.Size(), img.Size())
	p.Total.Add(size)
	found := joiner{tell: differs}
	c := comparison{src, img, p}
	var parts []Extent
	for e, err := range cut(join(src.Extents(ctx), src.Size(), true), size) {
		if err != nil {
			return sourceError(err, "extents")
		}
		if parts = append(parts, e); len(parts) == 2*runtime.GOMAXPROCS(0) {
			if err := c.all(ctx, parts, &found); err != nil {
				return err
			}
			parts = parts[:0]
		}
	}
	if err := c.all(ctx, parts, &found); err != nil {
		return err
	}
	if err := found.add(size, max(src.Size(), img.Size())-size); err != nil {
		return err
	}
	return found.end()
}

// cut parts extents into pieces of at most a chunk, and ends at size.
func cut(extents func(func(Extent, error) bool), size int64) func(func(Extent, error) bool) {
	return func(yield func(Extent, error) bool) {
		for e, err := range extents {
			if err != nil {
				yield(e, err)
				return
			}
			for end := min(e.Off+e.Len, size); e.Off < end; e.Off += chunk {
				if !yield(Extent{e.Off, min(chunk, end-e.Off), e.Zero}, nil) {
					return
				}
			}
		}
	}
}

// A comparison is one source and one image.
type comparison struct {
	src Source
	img Image
	p   *Progress
}

// all compares parts on all cores, and tells what was found in order.
func (c comparison) all(ctx context.Context, parts []Extent, found *joiner) error {
	results := make([][]Extent, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, e := range parts {
		g.Go(func() (err error) {
			results[i], err = c.one(ctx, e)
			c.p.Done.Add(e.Len)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, r := range results {
		for _, e := range r {
			if err := found.add(e.Off, e.Len); err != nil {
				return err
			}
		}
	}
	return nil
}

// one gives the grains of a part that differ.
func (c comparison) one(ctx context.Context, e Extent) (out []Extent, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n, data, err := c.img.Extent(e.Off)
	if err != nil || e.Zero && !data && n >= e.Len {
		return nil, err
	}
	theirs, ours := make([]byte, e.Len), make([]byte, e.Len)
	if !e.Zero {
		if err := readFull(c.src, theirs, e.Off); err != nil {
			return nil, sourceError(err, "read %d bytes at %d", e.Len, e.Off)
		}
	}
	if data || n < e.Len {
		if err := readFull(c.img, ours, e.Off); err != nil {
			return nil, fmt.Errorf("point: %w", err)
		}
	}
	for off := int64(0); off < e.Len; off += grain {
		end := min(e.Len, off+grain)
		if !bytes.Equal(theirs[off:end], ours[off:end]) {
			out = append(out, Extent{Off: e.Off + off, Len: end - off})
		}
	}
	return out, nil
}

// A joiner tells of ranges when what follows does not touch them.
type joiner struct {
	run  Extent
	tell func(off, n int64) error
}

func (j *joiner) add(off, n int64) error {
	if n == 0 {
		return nil
	}
	if j.run.Len > 0 && j.run.Off+j.run.Len == off {
		j.run.Len += n
		return nil
	}
	err := j.end()
	j.run = Extent{Off: off, Len: n}
	return err
}

func (j *joiner) end() error {
	if j.run.Len == 0 {
		return nil
	}
	return j.tell(j.run.Off, j.run.Len)
}
