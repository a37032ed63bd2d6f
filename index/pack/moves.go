package pack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

const (
	movesFolder = "moves"
	movesTries  = 5
)

// MovesName is the object name of the n-th record of moves.
func MovesName(n int) string { return fmt.Sprintf("%s/%08d", movesFolder, n) }

// LoadMoves reads the newest record of moves, of number n; an empty one of number 0 when nothing was ever moved. known is a
// record that was read before, and given back when it is still the newest.
func LoadMoves(ctx context.Context, s object.Store, r *seal.Ring, known *Moves) (*Moves, error) {
	for try := 1; ; try++ {
		n, err := newestMoves(ctx, s)
		switch {
		case err != nil:
			return nil, err
		case n == 0:
			return &Moves{}, nil
		case known != nil && n == known.N:
			return known, nil
		}
		m, err := readMoves(ctx, s, r, n)
		if errors.Is(err, object.ErrNotExist) && try < movesTries {
			continue // a newer one has taken its place
		}
		return m, err
	}
}

// Moves is a numbered record of moves.
type Moves struct {
	N int
	format.Moves
}

func newestMoves(ctx context.Context, s object.Store) (n int, err error) {
	for info, err := range s.List(ctx, movesFolder) {
		if err != nil {
			return 0, fmt.Errorf("list moves: %w", err)
		}
		if n, err = strconv.Atoi(strings.TrimPrefix(info.Name, movesFolder+"/")); err != nil || MovesName(n) != info.Name {
			return 0, fmt.Errorf("%s is not the name of moves: %w", info.Name, ErrCorrupt)
		}
	}
	return n, nil
}

func readMoves(ctx context.Context, s object.Store, r *seal.Ring, n int) (*Moves, error) {
	name := MovesName(n)
	b, err := object.GetAll(ctx, s, name, format.MaxSealed)
	if err != nil {
		return nil, fmt.Errorf("read moves: %w", err)
	}
	body, err := r.Open(format.KindMoves, name, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m := &Moves{N: n}
	if err := m.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}
