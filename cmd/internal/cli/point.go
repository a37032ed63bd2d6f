package cli

import (
	"context"

	"vbfs/index"
	"vbfs/index/format"
)

// Point finds what a selector selects, and gives its whole manifest.
func Point(ctx context.Context, repo *index.Repository, s index.Selector) (*format.Manifest, error) {
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.Find(points)
	if err != nil {
		return nil, err
	}
	return repo.Point(ctx, p)
}
