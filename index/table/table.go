package table

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// A Table is the segments of a directory. It is safe for concurrent use.
type Table struct {
	dir     string
	refresh sync.Mutex // held over a listing

	mu  sync.Mutex
	cur *set // never nil
}

// A set is the segments of one listing. They stay open until its last user is done.
type set struct {
	segs     []*segment // newest first
	problems []error    // with files that are left out
	broken   []string   // those of them that are damaged segments
	users    int        // under Table.mu; the table counts as one while the set is its current one
}

// Open opens the segments of a directory. A directory that does not exist is an empty table. Files that are no good
// segments are left out: Problems tells which.
func Open(dir string) (*Table, error) {
	t := &Table{dir: dir, cur: &set{users: 1}}
	if err := t.Refresh(); err != nil {
		return nil, err
	}
	return t, nil
}

// Close closes the segments once nobody uses them. A closed table proposes nothing.
func (t *Table) Close() error {
	t.refresh.Lock()
	defer t.refresh.Unlock()
	return t.replace(&set{})
}

// Refresh lists the directory again.
func (t *Table) Refresh() error {
	t.refresh.Lock()
	defer t.refresh.Unlock()
	next, err := t.list()
	if err != nil {
		return err
	}
	return t.replace(next)
}

// relists bounds how often a listing is begun anew because a merge removed what it showed.
const relists = 10

// list opens what is new and keeps what is open. It is called under refresh, so that cur stays.
func (t *Table) list() (*set, error) {
	for try := 1; ; try++ {
		names, err := os.ReadDir(t.dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list table: %w", err)
		}
		next, vanished := t.open(names)
		if !vanished || try == relists {
			slices.SortFunc(next.segs, (*segment).newer)
			return next, nil
		}
		next.drop(t.cur)
	}
}

// open opens segments. Some may have vanished since they were listed: what a merge put in their place was not.
func (t *Table) open(names []fs.DirEntry) (next *set, vanished bool) {
	next = &set{}
	for _, e := range names {
		if filepath.Ext(e.Name()) != suffix {
			continue
		}
		s, err := t.reuse(e)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			vanished = true
		case err != nil:
			next.leaveOut(e.Name(), err)
		default:
			next.segs = append(next.segs, s)
		}
	}
	return next, vanished
}

func (c *set) leaveOut(name string, err error) {
	c.problems = append(c.problems, fmt.Errorf("%s: %w", name, err))
	if errors.Is(err, ErrDamaged) {
		c.broken = append(c.broken, name)
	}
}

// reuse gives the open segment of that name when the file is still the same one.
func (t *Table) reuse(e fs.DirEntry) (*segment, error) {
	if s := t.cur.find(e.Name()); s != nil && s.good() {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if s.same(info) {
			return s, nil
		}
	}
	return openSegment(t.dir, e.Name())
}

func (c *set) find(name string) *segment {
	i := slices.IndexFunc(c.segs, func(s *segment) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return c.segs[i]
}

// drop closes what c opened and cur does not have.
func (c *set) drop(cur *set) {
	for _, s := range c.segs {
		if !slices.Contains(cur.segs, s) {
			s.close() // nothing was written to it
		}
	}
}

// replace makes next the current set.
func (t *Table) replace(next *set) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range next.segs {
		s.sets++
	}
	next.users++
	before := t.cur
	t.cur = next
	return t.leave(before)
}

// acquire gives the current set, to be released.
func (t *Table) acquire() *set {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cur.users++
	return t.cur
}

func (t *Table) release(c *set) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave(c) // what fails to close was read from only
}

// leave is called under mu.
func (t *Table) leave(c *set) error {
	if c.users--; c.users > 0 {
		return nil
	}
	var errs []error
	for _, s := range c.segs {
		if s.sets--; s.sets == 0 {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

// Problems tells which files are no good segments: those that the last listing left out, and those found damaged since.
func (t *Table) Problems() []error {
	c := t.acquire()
	defer t.release(c)
	errs := slices.Clone(c.problems)
	for _, s := range c.segs {
		if err := s.fault.Load(); err != nil {
			errs = append(errs, *err)
		}
	}
	return errs
}

// Segments describes the segments, newest first.
func (t *Table) Segments() []Info {
	c := t.acquire()
	defer t.release(c)
	var infos []Info
	for _, s := range c.segs {
		infos = append(infos, s.describe())
	}
	return infos
}
