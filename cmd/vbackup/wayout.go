package main

import (
	"errors"

	"vbfs/cmd/internal/cli"
)

// A remedy is what to do about an error.
type remedy struct {
	err  error
	hint string
}

// remedied gives an error the hint of the first remedy that is for it. !ok is that there is none.
func remedied(err error, remedies []remedy) (_ error, ok bool) {
	for _, r := range remedies {
		if errors.Is(err, r.err) {
			return cli.Hint(err, "%s", r.hint), true
		}
	}
	return err, false
}
