package fs_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"vbfs/fs"
)

// Every attempt to change something is EROFS, by the kernel and, when the mount was made writable, by the nodes.
func TestReadOnly(t *testing.T) {
	dir := goldenLab(t).mount(fs.Options{})
	tryToChange(t, dir)
	check(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_NOSUID|unix.MS_NODEV, ""))
	tryToChange(t, dir)
}

func tryToChange(t *testing.T, dir string) {
	t.Helper()
	point := filepath.Join(dir, "machines/web01/2026-11-20T20-03-27Z")
	fresh, file := point+"/new", point+"/disks/vda.raw"
	open := func(name string, flags int) error {
		fd, err := unix.Open(name, flags, 0o644)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	for _, c := range []struct {
		what string
		err  error
	}{
		{"create", open(fresh, unix.O_CREAT|unix.O_WRONLY)},
		{"create at the root", open(dir+"/new", unix.O_CREAT|unix.O_WRONLY)},
		{"open to write", open(file, unix.O_WRONLY)},
		{"open to read and write", open(file, unix.O_RDWR)},
		{"open to append", open(file, unix.O_WRONLY|unix.O_APPEND)},
		{"open point.json to write", open(point+"/point.json", unix.O_WRONLY)},
		{"open and truncate", open(file, unix.O_RDONLY|unix.O_TRUNC)},
		{"open without a name", open(point, unix.O_TMPFILE|unix.O_RDWR)},
		{"truncate", unix.Truncate(file, 0)},
		{"unlink", unix.Unlink(file)},
		{"unlink a link", unix.Unlink(dir + "/machines/web01/latest")},
		{"rmdir", unix.Rmdir(point)},
		{"mkdir", unix.Mkdir(fresh, 0o755)},
		{"mknod", unix.Mknod(fresh, unix.S_IFIFO|0o644, 0)},
		{"symlink", unix.Symlink("x", fresh)},
		{"link", unix.Link(file, fresh)},
		{"rename", unix.Rename(file, fresh)},
		{"rename a point", unix.Rename(point, dir+"/machines/web01/other")},
		{"chmod", unix.Chmod(file, 0o777)},
		{"chown", unix.Chown(file, 1, 1)},
		{"utimes", os.Chtimes(file, second(1), second(1))},
		{"setxattr", unix.Setxattr(file, "user.x", []byte("x"), 0)},
		{"removexattr", unix.Removexattr(file, "user.x")},
	} {
		if c.err == nil || unwrap(c.err) != unix.EROFS {
			t.Errorf("%s: %v", c.what, c.err)
		}
	}
}

func unwrap(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return p.Err
	}
	return err
}
