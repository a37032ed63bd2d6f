package torture

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"vbfs/libnbd"
)

// An opened repository gives the bytes of points in one of three ways, until it is told to end.
type opened struct {
	open func(p listed) (io.ReadCloser, error) // a disk
	s    *server                               // nil for none
	dirs []string
}

func (o *opened) kill() { o.s.cmd.Process.Kill() }

// end ends what serves, and cleans up what that leaves when it was killed.
func (o *opened) end() error {
	var err error
	if o.s != nil {
		err = o.s.end(syscall.SIGTERM)
	}
	for _, dir := range o.dirs {
		if mounted(dir) == nil {
			err = errors.Join(err, syscall.Unmount(dir, syscall.MNT_DETACH))
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

func (f *farm) throughMount(repo string) (*opened, error) {
	dir, err := os.MkdirTemp(f.temp, "m")
	if err != nil {
		return nil, err
	}
	s, err := serve(f.command("vbfs", "mount", "-r", repo, dir))
	if err != nil {
		return nil, err
	}
	open := func(p listed) (io.ReadCloser, error) {
		return os.Open(filepath.Join(dir, "machines", p.Machine, p.Name, "disks/vda.raw"))
	}
	return &opened{open, s, []string{dir}}, s.ready(func() error { return mounted(dir) })
}

func (f *farm) throughNBD(repo string) (*opened, error) {
	dir, err := os.MkdirTemp("", "v")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "s")
	s, err := serve(f.command("vbfs", "serve", "-r", repo, "--socket", socket))
	if err != nil {
		return nil, err
	}
	open := func(p listed) (io.ReadCloser, error) { return dial(socket, p) }
	return &opened{open, s, []string{dir}}, s.ready(func() error { return listens(socket) })
}

func (f *farm) throughRestore(repo string) (*opened, error) {
	return &opened{open: func(p listed) (io.ReadCloser, error) {
		r, w := io.Pipe()
		cmd := f.command("vbackup", "restore", "-q", "-r", repo, p.Machine+"@"+p.ID+":vda", "-")
		go func() {
			cmd.Stdout = w
			w.CloseWithError(patiently(cmd))
		}()
		return r, nil
	}}, nil
}

// An export is a disk that is read over NBD.
type export struct {
	*libnbd.Libnbd
	*io.SectionReader
}

func dial(socket string, p listed) (*export, error) {
	h, err := libnbd.Create()
	if err != nil {
		return nil, err
	}
	e := &export{Libnbd: h}
	err = h.ConnectUri("nbd+unix:///" + url.PathEscape(p.Machine+"@"+p.Name+":vda") + "?socket=" + socket)
	if err == nil {
		var size uint64
		size, err = h.GetSize()
		e.SectionReader = io.NewSectionReader(e, 0, int64(size))
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	return e, nil
}

// ReadAt implements io.ReaderAt.
func (e *export) ReadAt(p []byte, off int64) (int, error) {
	if err := e.Pread(p, uint64(off), nil); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (e *export) Close() error {
	e.Libnbd.Close()
	return nil
}

// sum reads a whole disk.
func (o *opened) sum(p listed) (s sum, err error) {
	r, err := o.open(p)
	if err != nil {
		return s, err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{r}, make([]byte, mib)); err != nil {
		return s, err
	}
	return sum(h.Sum(nil)), nil
}

// through reads points of a repository, by a door that the dice choose. Restores pay for the password once a point.
func (f *farm) through(rnd *rand.Rand, repo string, points []listed, seen func(p listed, s sum, err error)) error {
	doors := []func(string) (*opened, error){f.throughMount, f.throughNBD}
	if !slices.Contains(f.env, password) {
		doors = append(doors, f.throughRestore)
	}
	o, err := doors[rnd.IntN(len(doors))](repo)
	if err != nil {
		return err
	}
	for _, p := range points {
		s, err := o.sum(p)
		seen(p, s, err)
	}
	return o.end()
}

// inspect proves that the repository, as it is at an instant, has what was acknowledged until then, that what was told to
// be gone is gone, and that every point that is listed reads as its machine's disk was.
func (f *farm) inspect(rnd *rand.Rand, repo string, at int64) error {
	all, err := f.list(repo)
	if err != nil {
		return err
	}
	var faults []error
	seen := map[string]bool{}
	err = f.through(rnd, repo, all, func(p listed, s sum, err error) {
		seen[p.ID] = true
		faults = append(faults, f.judge(p, s, err, at))
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.points {
		if p.acked <= at && at <= p.condemned && !seen[p.id] {
			faults = append(faults, fmt.Errorf("LOST: %s@%s (%s), acknowledged at %d, at %d", p.machine, p.name, p.id, p.acked, at))
		}
	}
	return errors.Join(append(faults, err)...)
}

// judge judges what was read of a point.
func (f *farm) judge(l listed, s sum, err error, at int64) error {
	name := fmt.Sprintf("%s@%s (%s)", l.Machine, l.Name, l.ID)
	if err != nil {
		return fmt.Errorf("%s is listed and cannot be read: %w", name, err)
	}
	p := f.known(l.ID)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case p != nil && p.sum != s:
		return fmt.Errorf("WRONG BYTES: %s reads as %x, want %x", name, s, p.sum)
	case p != nil && p.gone <= at:
		return fmt.Errorf("%s is listed, and was told to be gone", name)
	}
	for _, m := range f.machines {
		if m.name == l.Machine && m.tried[s] != nil {
			return nil
		}
	}
	return fmt.Errorf("WRONG BYTES: %s reads as %x, which its disk never held", name, s)
}

// inspectOther proves that what was told to be copied is in the other repository.
func (f *farm) inspectOther(rnd *rand.Rand, repo string, at int64) error {
	if !f.offers["copy"] {
		return nil
	}
	all, err := f.list(repo)
	if err != nil {
		return err
	}
	var faults []error
	there := map[string]bool{}
	err = f.through(rnd, repo, all, func(p listed, s sum, err error) {
		there[p.Machine+"@"+p.Name] = true
		p.ID = "of a copy"
		faults = append(faults, f.judge(p, s, err, at))
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.points {
		if p.copied <= at && !there[p.machine+"@"+p.name] {
			faults = append(faults, fmt.Errorf("LOST: the copy of %s@%s, acknowledged at %d, at %d", p.machine, p.name, p.copied, at))
		}
	}
	return errors.Join(append(faults, err)...)
}
