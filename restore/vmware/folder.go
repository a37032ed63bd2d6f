package vmware

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"vbfs/restore"
	"vbfs/restore/machine"
	"vbfs/restore/stage"
)

// A folder is one that is being made.
type folder struct {
	stage string // DIR/.restoring-123; "" is: none is made
	final string
	old   bool // something is there that commit replaces
}

// newFolder makes a stage for a folder. It refuses one that is there, unless it may be replaced.
func newFolder(parent, name string, overwrite bool) (*folder, error) {
	f, err := findFolder(parent, name, overwrite)
	if err != nil {
		return nil, err
	}
	if f.stage, err = os.MkdirTemp(parent, ".restoring-*"); err != nil {
		return nil, err
	}
	if err := os.Mkdir(f.path(), 0o755); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// findFolder looks whether there can be such a folder.
func findFolder(parent, name string, overwrite bool) (*folder, error) {
	f := &folder{final: filepath.Join(parent, name)}
	switch info, err := os.Lstat(f.final); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case !overwrite:
		return nil, fmt.Errorf("%s %w", f.final, restore.ErrExists)
	case !info.IsDir():
		return nil, fmt.Errorf("%w: %s is no folder", ErrForeign, f.final)
	default:
		if err := replaceable(f.final); err != nil {
			return nil, err
		}
		f.old = true
	}
	return f, nil
}

// Files of a machine by their names: those that go with it when it is replaced, those of a running one, and those of snapshots.
var (
	ofMachine = regexp.MustCompile(`(?i)(\.(vmx|vmxf|vmsd|vmdk|nvram|ovf|mf|log|vmx~|hlog)|^vmware(-\d+)?\.log|^STATUS\.\w+)$`)
	ofRunning = regexp.MustCompile(`(?i)(\.lck|\.vswp|^vmx-.*\.vswp|\.vmem)$`)
	ofPast    = regexp.MustCompile(`(?i)(\.vmsn|\.vmss|-\d{6}(-\w+)?\.vmdk)$`)
)

// replaceable holds that a folder has nothing but the files of a machine that is off.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case ofRunning.MatchString(name):
			return fmt.Errorf("%w: %s is there", machine.ErrRuns, filepath.Join(dir, name))
		case ofPast.MatchString(name):
			return fmt.Errorf("%w: %s is there", machine.ErrSnapshots, filepath.Join(dir, name))
		case !e.Type().IsRegular() || !ofMachine.MatchString(name):
			return fmt.Errorf("%w: %s is there", ErrForeign, filepath.Join(dir, name))
		}
	}
	return nil
}

// path is where the files are made.
func (f *folder) path() string { return filepath.Join(f.stage, filepath.Base(f.final)) }

// write makes a file, unless the folder is one that is foreseen alone.
func (f *folder) write(name string, b []byte) error {
	if f.stage == "" {
		return nil
	}
	w, err := os.OpenFile(filepath.Join(f.path(), name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Sync()
}

// commit makes the folder, whose files are durable, appear.
func (f *folder) commit() error {
	if err := stage.SyncDir(f.path()); err != nil {
		return err
	}
	if err := f.appear(); err != nil {
		return err
	}
	return stage.SyncDir(filepath.Dir(f.final))
}

// appear gives the folder its name. One that it replaces goes with the stage.
func (f *folder) appear() error {
	if !f.old {
		err := rename(f.path(), f.final, unix.RENAME_NOREPLACE)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s %w", f.final, restore.ErrExists)
		}
		return err
	}
	if err := replaceable(f.final); err != nil { // it may have been started meanwhile
		return err
	}
	return rename(f.path(), f.final, unix.RENAME_EXCHANGE)
}

// rename does without the flag where a file system has none, as NFS. A name that a folder without files has is free, then.
func rename(from, to string, flag uint) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, flag)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		if flag == unix.RENAME_EXCHANGE {
			if err := os.Rename(to, from+".old"); err != nil {
				return err
			}
		}
		return os.Rename(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// close removes what did not appear, and what was replaced.
func (f *folder) close() error { return os.RemoveAll(f.stage) }

// maxBase bounds the names of files, in bytes: what is put behind it has room.
const maxBase = 200

// baseOf makes a machine's name one of files, for all systems that such a folder is carried to.
func baseOf(name string) string {
	base := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`"*/:<>?\|`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	for len(base) > maxBase {
		base = strings.ToValidUTF8(base[:maxBase], "")
	}
	if base = strings.TrimRight(base, " ."); base == "" || base[0] == '.' {
		base = "_" + base
	}
	return base
}

// plainOf makes a name of files for an OVF, where names are addresses: no reader need know how those are escaped.
func plainOf(base string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, base)
}
