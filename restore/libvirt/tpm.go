package libvirt

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// tpmStates is where the system's libvirt keeps the states of emulated TPMs, a directory for each machine's UUID: libvirt,
// src/qemu/qemu_conf.c, swtpmStorageDir.
const tpmStates = "/var/lib/libvirt/swtpm"

// maxTPM bounds a TPM's state, unpacked: a real one has some 10 KiB.
const maxTPM = 16 << 20

// putTPM unpacks a machine's TPM state, whose directory must not be there. version is the name of its inner directory,
// which the archive may begin at or lie in.
func putTPM(archive []byte, states, uuid, version string) (err error) {
	dir := filepath.Join(states, uuid)
	if err := os.Mkdir(dir, 0o711); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	left := int64(maxTPM)
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("state of the TPM: %w", err)
		}
		if left -= h.Size; left < 0 {
			return fmt.Errorf("state of the TPM: more than %d bytes", maxTPM)
		}
		if err := unpack(root, inner(h.Name, version), h, r); err != nil {
			return fmt.Errorf("state of the TPM: %s: %w", h.Name, err)
		}
	}
}

// inner is an entry's path in the machine's directory.
func inner(name, version string) string {
	name = filepath.Clean(name)
	if name == version || strings.HasPrefix(name, version+"/") {
		return name
	}
	return filepath.Join(version, name)
}

// unpack makes one entry below a root that it cannot leave.
func unpack(root *os.Root, name string, h *tar.Header, content io.Reader) error {
	mode := os.FileMode(h.Mode) & 0o777
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(name, mode|0o700); err != nil {
			return err
		}
	case tar.TypeReg:
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	default:
		return nil // locks and sockets are of a process that is gone
	}
	return root.Chown(name, owner(h.Uname, h.Uid, userID), owner(h.Gname, h.Gid, groupID))
}

// owner is the ID that a name has on this host, or else the recorded one.
func owner(name string, recorded int, look func(string) (string, error)) int {
	if text, err := look(name); err == nil && name != "" {
		if id, err := strconv.Atoi(text); err == nil {
			return id
		}
	}
	return recorded
}

func userID(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func groupID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}
