package part

import (
	"cmp"
	"fmt"
	"slices"
)

// checkOverlap refuses partitions that share bytes, but for a logical one inside an extended one.
func checkOverlap(parts []Partition) error {
	logical := func(p Partition) bool { return p.Number > 4 }
	for _, out := range []func(Partition) bool{Partition.Extended, logical} {
		if err := checkApart(slices.DeleteFunc(slices.Clone(parts), out)); err != nil {
			return err
		}
	}
	return nil
}

func checkApart(parts []Partition) error {
	slices.SortFunc(parts, func(a, b Partition) int { return cmp.Compare(a.Start, b.Start) })
	for i := 1; i < len(parts); i++ {
		if a, b := parts[i-1], parts[i]; a.Start+a.Length > b.Start {
			return fmt.Errorf("%w: partitions %d and %d overlap", ErrInvalid, a.Number, b.Number)
		}
	}
	return nil
}
