package qmp

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"vbfs/hyper/qmp"
)

// A note says what a run does to a machine, for the one that comes after it.
type note struct {
	Socket  string      `json:"socket"` // of the monitor
	Process qmp.Process `json:"process"`
	Dir     string      `json:"scratch"`
	Running bool        `json:"running"` // the machine ran when the run began
	Stops   bool        `json:"stops"`   // the run stops it, and has not yet continued it
}

// maxNote bounds a note, bytes: two paths and a few words.
const maxNote = 64 << 10

// unfinished ends the name of a note that is being written.
const unfinished = ".new"

// write puts the note in place, whole and durable.
func (r *run) write() error {
	b, err := json.Marshal(r.record)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(r.note+unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note of what is to be undone: %w", err)
	}
	defer f.Close()
	err = lock(f)
	if err == nil {
		_, err = f.Write(b)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), r.note)
	}
	if err == nil {
		err = syncDir(filepath.Dir(r.note))
	}
	if err != nil {
		return fmt.Errorf("note of what is to be undone: %w", err)
	}
	return nil
}

// lock tells others that somebody is at work on a file or directory, until it is closed.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// sweep removes a note that was never finished, unless somebody is about to.
func (m *Machine) sweep(name string) {
	f, err := os.Open(filepath.Join(m.o.State, name))
	if err != nil {
		return
	}
	defer f.Close()
	if ours(f) && lock(f) == nil {
		os.Remove(f.Name()) // nothing was done yet that it speaks of
	}
}

func ours(f *os.File) bool {
	var stat syscall.Stat_t
	return syscall.Fstat(int(f.Fd()), &stat) == nil && int(stat.Uid) == os.Geteuid()
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// notes reads those that there are. One that is not understood, or that somebody else wrote, is nobody's: ours are in place
// whole or not at all.
func (m *Machine) notes() (runs []*run, err error) {
	entries, err := os.ReadDir(m.o.State)
	if err != nil {
		return nil, fmt.Errorf("notes of what is to be undone: %w", err)
	}
	for _, e := range entries {
		tag, ok := strings.CutPrefix(e.Name(), "qmp-")
		tag, part := strings.CutSuffix(tag, ".json"+unfinished)
		tag, whole := strings.CutSuffix(tag, ".json")
		r := &run{tag: tag, note: m.notePath(tag)}
		switch {
		case !ok || !validTag(tag):
			continue
		case part:
			m.sweep(e.Name())
			continue
		case !whole || r.read() != nil:
			continue
		}
		r.at(r.record.Dir)
		runs = append(runs, r)
	}
	return runs, nil
}

// at says where the run's directory is. One that is not named as a run's is none, whoever says so: it is removed in the end.
func (r *run) at(dir string) {
	if filepath.IsAbs(dir) && filepath.Base(dir) == dirPrefix+r.tag {
		r.dir = filepath.Clean(dir)
	}
}

func (r *run) read() error {
	f, err := os.Open(r.note)
	if err != nil {
		return err
	}
	defer f.Close()
	if !ours(f) {
		return errNotOurs
	}
	return json.NewDecoder(io.LimitReader(f, maxNote)).Decode(&r.record)
}
