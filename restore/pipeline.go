package restore

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// ChunkSize is how much of an image is read and written at once, in bytes. It is what an image reads as one span of a pack.
const ChunkSize = 1 << 20

// A Chunk is a part of an image of one kind. One of data ends at the next multiple of ChunkSize at the latest.
type Chunk struct {
	Off, Len int64
	Data     bool
}

// A Pipeline takes the chunks of an image in order of offset, one at a time, while data that comes later is prepared.
type Pipeline[S any] struct {
	// Slots are what chunks are prepared in, one in each: the bound of what is prepared ahead.
	Slots []S

	// Prepare is for data, each chunk in a goroutine of its own.
	Prepare func(S, Chunk) error

	// Take is for all chunks. That of zeros comes without a slot, as S's zero value.
	Take func(context.Context, S, Chunk) error
}

// A prepared chunk is one on its way to where chunks are taken.
type prepared[S any] struct {
	Chunk
	slot  S
	ready chan error // of capacity 1: how its preparation ended; nil for zeros
}

// Run runs it until the image's end, or the first error.
func (p Pipeline[S]) Run(ctx context.Context, img Image) error {
	g, ctx := errgroup.WithContext(ctx)
	order := make(chan prepared[S], len(p.Slots))
	free := make(chan S, len(p.Slots))
	for _, s := range p.Slots {
		free <- s
	}
	g.Go(func() error {
		defer close(order)
		return p.ahead(ctx, g, img, free, order)
	})
	g.Go(func() error {
		for c := range order {
			if err := p.take(ctx, c); err != nil {
				return err
			}
			if c.Data {
				free <- c.slot
			}
		}
		return nil
	})
	return g.Wait()
}

// ahead queues the chunks of the image in order, and has those of data prepared.
func (p Pipeline[S]) ahead(ctx context.Context, g *errgroup.Group, img Image, free <-chan S, order chan<- prepared[S]) error {
	for r, err := range chunks(ctx, img, nil) {
		if err != nil {
			return err
		}
		c := prepared[S]{Chunk: Chunk{r.off, r.n, r.data}}
		if c.Data {
			select {
			case c.slot = <-free:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			c.ready = make(chan error, 1)
			g.Go(func() error {
				c.ready <- p.Prepare(c.slot, c.Chunk)
				return nil
			})
		}
		select {
		case order <- c:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// take takes a chunk, once it is prepared.
func (p Pipeline[S]) take(ctx context.Context, c prepared[S]) error {
	if c.Data {
		if err := <-c.ready; err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.Take(ctx, c.slot, c.Chunk)
}
