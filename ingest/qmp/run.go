package qmp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
)

// A run is one capture, as far as it concerns files: what the next one needs to undo it.
type run struct {
	tag    string   // names all that it makes
	dir    string   // scratch files and the NBD socket; empty: not known
	note   string   // path of the note
	record note     // what is written there
	lock   *os.File // dir, locked; nil: not ours, or not yet
}

// dirPrefix begins the name of a run's directory.
const dirPrefix = "vbfs-qmp-"

// tagLength is how much of a point's ID tells runs apart, in hex digits. QEMU has 31 bytes for a node's name.
const tagLength = 12

func (m *Machine) newRun(point format.UUID, f facts) *run {
	tag := point.String()[:tagLength]
	dir := filepath.Join(m.o.Scratch, dirPrefix+tag)
	return &run{
		tag: tag, dir: dir, note: m.notePath(tag),
		record: note{Socket: m.socket, Process: f.process, Dir: dir, Running: f.status == qmp.Running},
	}
}

// The names of what a run makes for one disk in QEMU: the filter, the scratch file, the disk as it was, export and job.
func (r *run) filter(d *disk) string   { return fmt.Sprintf("vbfs-%s-c%d", r.tag, d.number) }
func (r *run) scratch(d *disk) string  { return fmt.Sprintf("vbfs-%s-f%d", r.tag, d.number) }
func (r *run) snapshot(d *disk) string { return fmt.Sprintf("vbfs-%s-s%d", r.tag, d.number) }
func (r *run) export(d *disk) string   { return fmt.Sprintf("vbfs-%s-e%d", r.tag, d.number) }
func (r *run) job(d *disk) string      { return fmt.Sprintf("vbfs-%s-j%d", r.tag, d.number) }

// frozen names the bitmap that stays as it was at the instant.
func (r *run) frozen() string { return "vbfs-tmp-" + r.tag }

func (r *run) socket() string        { return filepath.Join(r.dir, "nbd") }
func (r *run) file(d *disk) string   { return filepath.Join(r.dir, fmt.Sprintf("disk%d", d.number)) }
func (r *run) owns(name string) bool { return tagOf(name) == r.tag }

func (m *Machine) notePath(tag string) string { return filepath.Join(m.o.State, "qmp-"+tag+".json") }

// begin makes the run's directory, where QEMU can get at it, and says so before.
func (r *run) begin(p qmp.Process) error {
	if err := r.write(); err != nil {
		return err
	}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		return fmt.Errorf("scratch: %w", err)
	}
	var err error
	if r.lock, err = os.Open(r.dir); err != nil {
		return fmt.Errorf("scratch: %w", err)
	}
	if err := lock(r.lock); err != nil {
		return fmt.Errorf("lock %s: %w", r.dir, err)
	}
	return r.give(r.dir, p)
}

// give makes QEMU's user the owner. Only root can, and only root needs to: others have QEMUs of their own.
func (r *run) give(path string, p qmp.Process) error {
	if p.PID == 0 || p.UID == os.Geteuid() || os.Geteuid() != 0 {
		return nil
	}
	if err := os.Chown(path, p.UID, p.GID); err != nil {
		return fmt.Errorf("scratch: %w", err)
	}
	return nil
}

// create makes a disk's scratch file: as long as the disk, and empty.
func (r *run) create(d *disk, p qmp.Process) error {
	f, err := os.OpenFile(r.file(d), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("scratch: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(d.node.Image.Size); err != nil {
		return fmt.Errorf("scratch: %w", err)
	}
	return r.give(f.Name(), p)
}

// alive tells whether the process that began the run is still at it: it holds the lock on the directory.
func (r *run) alive() (bool, error) {
	if r.dir == "" || r.lock != nil {
		return false, nil
	}
	f, err := os.Open(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("leftovers: %w", err)
	}
	err = lock(f)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return true, nil
	}
	r.lock = f
	return false, err
}

// end removes the files, the note last: while it is there, somebody will look again.
func (r *run) end() (err error) {
	if r.dir != "" {
		err = os.RemoveAll(r.dir)
	}
	r.unlock()
	if err == nil {
		err = os.Remove(r.note)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove scratch files: %w", err)
	}
	return nil
}

// unlock says that nobody is at it any more.
func (r *run) unlock() {
	if r.lock != nil {
		r.lock.Close() // read-only
		r.lock = nil
	}
}

// listens tells whether QEMU's NBD server is the run's: its address is in a directory that only the run has.
func (r *run) listens(ctx context.Context) bool {
	if r.dir == "" {
		return false
	}
	conn, err := dialer.DialContext(ctx, "unix", r.socket())
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
