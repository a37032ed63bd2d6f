package vsphere

import (
	"fmt"
	"path"
	"strings"
)

// Find gives the machines that a pattern names, templates left out unless they are named exactly. A pattern is, and is tried as, in this
// order: an instance UUID, or a path /DC/vm/folder/NAME; a name alone, as people see it or as the server escapes it, of machines wherever
// they stand; a path with * ? [ in it, in which * does not pass a slash; a folder's path, which is all machines below it; or a name with
// wildcards. None is ErrNoMachine, one that is none path.ErrBadPattern.
func Find(all []Entry, pattern string) ([]Entry, error) {
	alone := !strings.Contains(pattern, "/")
	for _, is := range []func(Entry) bool{
		func(e Entry) bool { return strings.EqualFold(e.UUID, pattern) || e.Path == rooted(pattern) },
		func(e Entry) bool { return !e.Template && e.called(pattern) },
		func(e Entry) bool { return !e.Template && matches(rooted(pattern), e.Path) },
		func(e Entry) bool { return !e.Template && below(e.Path, rooted(pattern)) },
		func(e Entry) bool { return !e.Template && alone && matches(pattern, e.Name) },
		func(e Entry) bool { return e.called(pattern) }, // a template
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
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("%q: %w", pattern, err)
	}
	return nil, fmt.Errorf("%w: %s", ErrNoMachine, pattern)
}

// unescape makes a name what people see: in names the server escapes what means something in paths.
var unescape = strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", "\\", "%5C", "\\", "%25", "%")

// called tells whether that is the machine's name.
func (e Entry) called(name string) bool {
	return name != "" && (e.Name == name || unescape.Replace(e.Name) == name)
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
