package vsphere

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Find gives the machines that a pattern names, templates left out unless they are named exactly. A pattern is, and is tried as, in this
// order: an instance UUID; a path /DC/vm/folder/NAME; one with * ? [ in it, in which * does not pass a slash; a folder's path, which is all
// machines below it; or a name alone, or with wildcards, of a machine wherever it stands. None is ErrNoMachine.
func Find(all []Entry, pattern string) ([]Entry, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("%q: %w", pattern, err)
	}
	exact := func(e Entry) bool { return strings.EqualFold(e.UUID, pattern) || e.Path == rooted(pattern) }
	for _, is := range []func(Entry) bool{
		exact,
		func(e Entry) bool { return !e.Template && matches(rooted(pattern), e.Path) },
		func(e Entry) bool { return !e.Template && below(e.Path, rooted(pattern)) },
		func(e Entry) bool { return !e.Template && !strings.Contains(pattern, "/") && matches(pattern, e.Name) },
		func(e Entry) bool { return !strings.Contains(pattern, "/") && e.Name == pattern }, // a template
	} {
		var found []Entry
		for _, e := range all {
			if is(e) {
				found = append(found, e)
			}
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrNoMachine, pattern)
}

// FindOne is Find for one machine.
func FindOne(all []Entry, pattern string) (Entry, error) {
	found, err := Find(all, pattern)
	if err != nil {
		return Entry{}, err
	}
	if len(found) > 1 {
		return Entry{}, fmt.Errorf("%w by %s: %s and %s among %d: give a whole path, or an instance UUID",
			ErrAmbiguous, pattern, found[0].Path, found[1].Path, len(found))
	}
	return found[0], nil
}

// rooted is a path with its first slash and without its last.
func rooted(p string) string { return "/" + strings.Trim(p, "/") }

func matches(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}

// below tells whether a path lies in a folder.
func below(p, folder string) bool { return folder == "/" || strings.HasPrefix(p, folder+"/") }

// WithAttribute leaves the machines whose custom attribute has one of the values; without values, those that have it at all.
func WithAttribute(all []Entry, name string, values ...string) (out []Entry) {
	for _, e := range all {
		v := e.Attributes[name]
		if v != "" && (len(values) == 0 || slices.Contains(values, v)) {
			out = append(out, e)
		}
	}
	return out
}

// Tagged leaves the machines that have a tag, given by its name or its ID. It asks the server; a single host knows no tags.
func (c *Conn) Tagged(ctx context.Context, all []Entry, tag string) (out []Entry, err error) {
	if !c.VCenter() {
		return nil, fmt.Errorf("tag %s: %s is a single host, which has no tags", tag, c.Host())
	}
	err = c.withTags(ctx, func(m tagManager) error {
		refs, err := m.ListAttachedObjects(ctx, tag)
		if err != nil {
			return err
		}
		has := map[Ref]bool{}
		for _, r := range refs {
			has[r.Reference()] = true
		}
		for _, e := range all {
			if has[e.Ref] {
				out = append(out, e)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", tag, err)
	}
	return out, nil
}
