package vsphere

import (
	"fmt"
	"slices"
	"strings"
)

// A choice is one of several things that a machine can be in.
type choice struct {
	what   string // for people
	flag   string // that names it
	wanted string // by the user: a name, or a path of the inventory
	was    string // recorded, likewise
	none   error  // what it is when there is no such thing
}

// pick finds what was wanted, else what was recorded, else the only one.
func pick[T any](c choice, all []T, of func(*T) (name, path string)) (*T, error) {
	if c.wanted != "" {
		switch found := named(c.wanted, all, of); len(found) {
		case 1:
			return found[0], nil
		case 0:
			return nil, fmt.Errorf("%w: there is no %s %s: there are [%s]", c.none, c.what, c.wanted, names(all, of))
		default:
			return nil, fmt.Errorf("%w: %s is the name of %d: give one's path with %s", c.none, c.wanted, len(found), c.flag)
		}
	}
	if found := named(c.was, all, of); c.was != "" && len(found) == 1 {
		return found[0], nil
	}
	if len(all) == 1 {
		return &all[0], nil
	}
	if c.was == "" {
		return nil, fmt.Errorf("%w: which %s? There are [%s]: name one with %s", c.none, c.what, names(all, of), c.flag)
	}
	return nil, fmt.Errorf("%w: the %s %s, as it was recorded, is not there: there are [%s]: name one with %s", c.none, c.what, c.was, names(all, of), c.flag)
}

// named finds things by their path, else by their name.
func named[T any](what string, all []T, of func(*T) (name, path string)) (out []*T) {
	for _, byPath := range []bool{true, false} {
		for i := range all {
			name, path := of(&all[i])
			if byPath && path == "/"+strings.Trim(what, "/") || !byPath && name == what {
				out = append(out, &all[i])
			}
		}
		if out != nil {
			break
		}
	}
	return out
}

func names[T any](all []T, of func(*T) (name, path string)) string {
	var list []string
	for i := range all {
		name, _ := of(&all[i])
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// where keeps what holds.
func where[T any](all []T, keep func(*T) bool) (out []T) {
	for i := range all {
		if keep(&all[i]) {
			out = append(out, all[i])
		}
	}
	return out
}
