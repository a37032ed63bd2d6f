package qmp

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"vbfs/hyper/qmp"
)

// origin says where a node's image lies and which one it is: of a local file the path with device and inode, so that an
// image that was swapped is told by it.
func origin(n *qmp.Node, p qmp.Process) string {
	name := filename(n.File)
	if u, err := url.Parse(name); err == nil && u.User != nil {
		return u.Redacted()
	}
	path := name
	if !filepath.IsAbs(path) && p.PID != 0 { // as QEMU was told, from where it was started
		if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.PID)); err == nil {
			path = filepath.Join(cwd, path)
		}
	}
	var stat syscall.Stat_t
	if !filepath.IsAbs(path) || syscall.Stat(path, &stat) != nil {
		return name
	}
	if stat.Mode&syscall.S_IFMT == syscall.S_IFBLK {
		return fmt.Sprintf("%s block %d", path, stat.Rdev)
	}
	return fmt.Sprintf("%s %d:%d", path, stat.Dev, stat.Ino)
}

// filename takes a file's name out of what QEMU says when a name alone does not say it all: json: and the node's options, in which the
// image lies below "file".
func filename(file string) string {
	text, ok := strings.CutPrefix(file, "json:")
	if !ok {
		return strings.TrimPrefix(file, "file:")
	}
	type options struct {
		Filename string          `json:"filename"`
		File     json.RawMessage `json:"file"`
	}
	for raw := json.RawMessage(text); ; {
		var o options
		if err := json.Unmarshal(raw, &o); err != nil {
			return file
		}
		if o.Filename != "" {
			return o.Filename
		}
		if o.File == nil {
			return file
		}
		raw = o.File
	}
}
