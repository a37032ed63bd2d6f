package vsphere

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"vbfs/hyper/vsphere"
)

// A state remembers, in a file, what of a machine is to be undone, and what we did to its change tracking. It is locked while it is open.
type state struct {
	path string // "" is: nowhere
	lock *os.File
	note note
}

// A note is what the file says.
type note struct {
	Server   string `json:"server,omitempty"`
	Machine  string `json:"machine,omitempty"`  // reference
	Name     string `json:"name,omitempty"`     // of the snapshot
	Task     string `json:"task,omitempty"`     // that makes it
	Snapshot string `json:"snapshot,omitempty"` // reference

	// Ours are the UUIDs of change marks of disks whose tracking we switched on while there was no snapshot. Begun says that we
	// have, and that the marks will be those of the next snapshot.
	Ours  []string `json:"ours,omitempty"`
	Begun bool     `json:"begun,omitempty"`
}

// maxNote bounds the file, in bytes.
const maxNote = 1 << 20

// openState locks a machine's state, by its instance UUID.
func openState(dir, uuid string) (*state, error) {
	if dir == "" {
		return &state{}, nil
	}
	if uuid == "" || strings.Trim(strings.ToLower(uuid), "0123456789abcdef-") != "" {
		return nil, fmt.Errorf("%w: its instance UUID is %q", ErrUnfit, uuid)
	}
	s := &state{path: filepath.Join(dir, "vsphere-"+uuid+".json")}
	var err error
	if s.lock, err = os.OpenFile(filepath.Join(dir, "vsphere-"+uuid+".lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		s.lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, fmt.Errorf("lock %s: %w", s.lock.Name(), err)
	}
	if err := s.read(); err != nil {
		s.lock.Close()
		return nil, err
	}
	return s, nil
}

// read takes what the file says. One that cannot be read by its content says nothing: what it named is found by its name, too.
func (s *state) read() error {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() > maxNote {
		return nil
	}
	b, err := os.ReadFile(s.path)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if json.Unmarshal(b, &s.note) != nil {
		s.note = note{}
	}
	return nil
}

// write makes the file say what the note does, before what it says is done.
func (s *state) write() error {
	if s.path == "" {
		return nil
	}
	b, err := json.Marshal(&s.note)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// forget drops what was undone.
func (s *state) forget() error {
	s.note.Server, s.note.Machine, s.note.Name, s.note.Task, s.note.Snapshot = "", "", "", "", ""
	return s.write()
}

// close gives the lock back.
func (s *state) close() {
	if s.lock != nil {
		s.lock.Close()
	}
}

// task is the one that the file names.
func (n *note) task() vsphere.Ref { return vsphere.Ref{Type: "Task", Value: n.Task} }
