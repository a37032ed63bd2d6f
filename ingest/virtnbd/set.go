package virtnbd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Set is a directory that virtnbdbackup wrote to.
type Set struct {
	Dir    string   // absolute
	Domain string   // name of the machine
	Points []*Point // each after the one that it builds on
	Notes  []string // what was left out of the set, and why

	zone    *time.Location
	root    *os.Root
	streams []*stream
	configs []string // names of the domain's XML files
	starts  []time.Time
	names   map[string]bool // of all files
}

// Options says what a set does not say of itself.
type Options struct {
	// Zone is where the host was that made the set, for points whose time it tells as the clock on its wall showed it.
	Zone *time.Location
}

// Open reads what is in a set: the heads of its streams, not their data. What is wrong with one of them is told by the points.
func Open(dir string, o Options) (*Set, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Set{Dir: abs, zone: o.Zone, root: root, names: map[string]bool{}}
	if s.zone == nil {
		s.zone = time.UTC
	}
	if err := s.read(); err != nil {
		root.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return s, nil
}

// Close closes all files of the set.
func (s *Set) Close() error {
	var err error
	for _, st := range s.streams {
		err = errors.Join(err, st.close())
	}
	return errors.Join(err, s.root.Close())
}

func (s *Set) read() error {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return err
	}
	shared := new(room)
	for _, e := range entries {
		name := e.Name()
		s.names[name] = true
		if f, ok := parseFileName(name); ok {
			s.streams = append(s.streams, &stream{fileName: f, dir: s.root, room: shared})
			continue
		}
		s.other(name)
	}
	if len(s.streams) == 0 {
		return ErrNoSet
	}
	s.group()
	s.setTimes()
	s.order()
	s.name()
	return nil
}

// other takes notice of a file that is no stream.
func (s *Set) other(name string) {
	switch {
	case strings.HasSuffix(name, partialSuffix):
		s.Notes = append(s.Notes, name+" was not written to its end: it is left out")
	case strings.HasSuffix(name, dataSuffix):
		s.Notes = append(s.Notes, name+" is not called as virtnbdbackup calls its files: it is left out")
	case strings.HasPrefix(name, "vmconfig.") && strings.HasSuffix(name, ".xml"):
		s.configs = append(s.configs, name)
	case strings.HasPrefix(name, "backup.") && strings.HasSuffix(name, ".log"):
		s.starts = append(s.starts, logTime(name))
	}
}

// logTime is when the run began that wrote a log, as the wall's clock showed it: backup.LEVEL.MMDDYYYYHHMMSS.log.
func logTime(name string) time.Time {
	parts := strings.Split(name, ".")
	t, err := time.Parse("01022006150405", parts[len(parts)-2])
	if err != nil {
		return time.Time{}
	}
	return t
}

// name finds out whose set it is: from the newest XML, else from the list of checkpoints, else from the directory.
func (s *Set) name() {
	s.Domain = filepath.Base(s.Dir)
	for name := range s.names {
		if domain, ok := strings.CutSuffix(name, ".cpt"); ok {
			s.Domain = domain
		}
	}
	for _, p := range s.Points {
		if p.domain != nil && p.domain.Name != "" {
			s.Domain = p.domain.Name
		}
	}
}
