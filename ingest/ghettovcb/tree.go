package ghettovcb

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Tree is a directory that ghettoVCB wrote to: VM_BACKUP_VOLUME, or one below it.
type Tree struct {
	Dir     string   // absolute
	Points  []*Point // by machine, from old to new
	LeftOut []string // folders that are not whole, and why, unless Options.Incomplete
	Notes   []string // what is no backup, and why

	o    Options
	root *os.Root
	seen int // directories and files looked at
}

// Options says what a tree does not say of itself.
type Options struct {
	// Zone is where the host's clock stood that made the names of the folders. nil is universal time, as every ESXi shows.
	Zone *time.Location

	// Incomplete takes folders without STATUS.ok, too, and disks as left out on purpose that are not there.
	Incomplete bool

	// Scratch is where archives are unpacked, one at a time. Empty is /var/tmp.
	Scratch string
}

// maxDepth is how far below a tree's directory backups are looked for, maxSeen how many directories and files are looked at.
const (
	maxDepth = 8
	maxSeen  = 1 << 20
)

// Open looks for the backups in a tree. What is wrong with one of them is told by its point.
func Open(dir string, o Options) (*Tree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	t := &Tree{Dir: abs, o: o, root: root}
	t.o.Zone, t.o.Scratch = cmp.Or(o.Zone, time.UTC), cmp.Or(o.Scratch, "/var/tmp")
	if err = t.look(".", 0); err == nil && len(t.Points)+len(t.LeftOut) == 0 {
		err = ErrNoBackup
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	slices.SortStableFunc(t.Points, func(a, b *Point) int {
		return cmp.Or(strings.Compare(a.Machine, b.Machine), a.Time.Compare(b.Time), strings.Compare(a.rel, b.rel))
	})
	return t, nil
}

// Close closes the tree's directory.
func (t *Tree) Close() error { return t.root.Close() }

// look looks for backups in a directory, by its path below the tree's. No link is followed.
func (t *Tree) look(rel string, depth int) error {
	entries, err := fs.ReadDir(t.root.FS(), rel)
	if err != nil {
		return err
	}
	if t.seen += len(entries); t.seen > maxSeen {
		return fmt.Errorf("more than %d files: name a directory further down", maxSeen)
	}
	if slices.ContainsFunc(entries, isConfig) || t.isStamped(rel) {
		return t.folder(rel)
	}
	for _, e := range entries {
		below := path.Join(rel, e.Name())
		switch {
		case e.IsDir() && depth < maxDepth:
			err = errors.Join(err, t.look(below, depth+1))
		case e.Type().IsRegular() && strings.HasSuffix(e.Name(), archiveSuffix):
			err = errors.Join(err, t.archive(below))
		}
	}
	return err
}

func isConfig(e fs.DirEntry) bool { return e.Type().IsRegular() && hasSuffix(e.Name(), ".vmx") }

// hasSuffix does not care for the case, as VMware does not.
func hasSuffix(name, suffix string) bool {
	return len(name) >= len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix)
}

// isStamped tells whether a directory is called as ghettoVCB calls its folders: such a one is a backup though it be empty.
func (t *Tree) isStamped(rel string) bool { return stamped.MatchString(path.Base(t.path(rel))) }

// path is where something of the tree lies.
func (t *Tree) path(rel string) string { return filepath.Join(t.Dir, rel) }

// folder takes a folder that holds a machine's configuration, or is called as if it did.
func (t *Tree) folder(rel string) error {
	full := t.path(rel)
	name, ok := parseName(filepath.Base(full), filepath.Base(filepath.Dir(full)))
	if !ok {
		t.Notes = append(t.Notes, rel+" holds a machine, and is not called as ghettoVCB calls its folders: it is left out")
		return nil
	}
	f, err := list(t.root, rel)
	if err != nil {
		return err
	}
	p := &Point{Machine: name.machine, tree: t, rel: rel, listed: f, status: f.status()}
	p.settle(name, f.written(), "its configuration")
	t.add(p)
	return nil
}

// archive takes an archive.
func (t *Tree) archive(rel string) error {
	full := t.path(rel)
	name, ok := parseName(strings.TrimSuffix(filepath.Base(full), archiveSuffix), filepath.Base(filepath.Dir(full)))
	if !ok {
		return nil
	}
	a, err := openArchive(t.root, rel)
	if err != nil {
		return err
	}
	p := &Point{Machine: name.machine, tree: t, rel: rel, archive: a, status: unknown}
	p.settle(name, a.written(), "the archive")
	t.add(p)
	return nil
}

func (t *Tree) add(p *Point) {
	if p.status.whole() || t.o.Incomplete {
		t.Points = append(t.Points, p)
		return
	}
	t.LeftOut = append(t.LeftOut, fmt.Sprintf("%s: %s", p.rel, p.status.why))
}
