package libvirt

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"vbfs/index/format"
)

// defaultScratch is a directory that is there on every host, on a disk, and not cleared at boot.
const defaultScratch = "/var/tmp"

// maxSocketPath is unix(7): sun_path has 108 bytes, with the zero at its end.
const maxSocketPath = 107

// A place is where a run's scratch files and socket lie: in a directory of its own, or, on a remote host, in the scratch
// directory itself, where libvirt removes the files and QEMU the socket.
type place struct {
	base   string // path that all names begin with
	local  bool
	remove []string // directories
}

// ours begins the names that runs for a domain and a repository give: 16 hexadecimal digits of each tell them from all
// others, and leave room for a socket's path.
func ours(repository format.UUID, domain string) string {
	return "vbfs-" + repository.String()[:16] + "-" + strings.ReplaceAll(domain, "-", "")[:16] + "-"
}

// belongs tells whether a path was given by such a run: an element of it is.
func belongs(path, prefix string) bool {
	for _, element := range strings.Split(path, "/") {
		if strings.HasPrefix(element, prefix) {
			return true
		}
	}
	return false
}

func newPlace(scratch, name string, local bool) (*place, error) {
	p := &place{base: filepath.Join(cmp.Or(scratch, defaultScratch), name), local: local}
	if !filepath.IsAbs(p.base) {
		return nil, fmt.Errorf("scratch directory %s: not an absolute path", scratch)
	}
	if n := len(p.socket()) - maxSocketPath; n > 0 {
		return nil, fmt.Errorf("scratch directory %s: its name is %d bytes too long for a socket in it", scratch, n)
	}
	return p, nil
}

func (p *place) path(name string) string {
	if p.local {
		return filepath.Join(p.base, name)
	}
	return p.base + "-" + name
}

func (p *place) socket() string { return p.path("s") }

func (p *place) scratch(target string) string { return p.path(target + ".scratch") }

// make makes the directory, for QEMU's user, who makes the socket in it, and for us. uid -1 is unknown: ours.
func (p *place) make(uid int) error {
	if !p.local {
		return nil
	}
	me := os.Geteuid()
	if uid >= 0 && uid != me && me != 0 {
		return fmt.Errorf("%w: QEMU runs as user %d, and only root can share files with it: run as root", ErrRights, uid)
	}
	if err := os.Mkdir(p.base, 0o700); err != nil {
		return fmt.Errorf("scratch directory: %w", err)
	}
	p.remove = append(p.remove, p.base)
	if uid > 0 && uid != me {
		return os.Chown(p.base, uid, -1)
	}
	return nil
}

// clear removes what make made.
func (p *place) clear() (err error) {
	for _, dir := range p.remove {
		err = os.RemoveAll(dir)
	}
	return err
}

// free tells how many bytes more fit into the file system of a directory.
func free(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("scratch directory %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}
