package ghettovcb

import (
	"fmt"
	"path"
	"strings"

	"vbfs/index/format"
)

// Imported gives those of points that were imported from a folder or an archive of this name, wherever it lay: the machine's name and the
// stamp in it tell it from others. Where there are whole ones of them they are given alone, and likewise those of exactly this path. A name
// without a stamp is ErrNoInstant: a rotation gives it to another backup each time.
func Imported(points []*format.Manifest, folder string) ([]*format.Manifest, error) {
	want, ok := folderCalled(folder)
	if !ok {
		return nil, fmt.Errorf("%s: %w", folder, ErrNoInstant)
	}
	var all, whole, exact []*format.Manifest
	for _, p := range points {
		from := lay(p)
		if is, ok := folderCalled(from); !ok || is != want {
			continue
		}
		all = append(all, p)
		if p.Complete() {
			whole = append(whole, p)
		}
	}
	if whole != nil {
		all = whole
	}
	for _, p := range all {
		if lay(p) == path.Clean(folder) {
			exact = append(exact, p)
		}
	}
	if exact != nil {
		all = exact
	}
	return all, nil
}

// lay is where a point was imported from, "" if it was not.
func lay(p *format.Manifest) string {
	for _, tag := range p.Tags {
		if from, ok := strings.CutPrefix(tag, tagFolder); ok {
			return from
		}
	}
	return ""
}

// folderCalled reads the name of a folder or an archive that has a stamp.
func folderCalled(file string) (folderName, bool) {
	file = strings.TrimSuffix(path.Clean(file), archiveSuffix)
	f, ok := parseName(path.Base(file), path.Base(path.Dir(file)))
	return f, ok && !f.at.IsZero()
}
