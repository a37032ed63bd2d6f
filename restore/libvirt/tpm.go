package libvirt

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"libvirt.org/go/libvirtxml"

	hyper "vbfs/hyper/libvirt"
)

// tpmDir is where libvirt has the state of a machine's emulated TPM kept: libvirt, src/qemu/qemu_conf.c, swtpmStorageDir.
func tpmDir(conn *hyper.Conn, dom *libvirtxml.Domain, uuid string) string {
	if e := emulator(dom); e != nil && e.Source != nil && e.Source.Dir != nil {
		return e.Source.Dir.Path
	}
	dir := "/var/lib/libvirt/swtpm"
	if uri, _, _ := strings.Cut(conn.URI(), "?"); strings.HasSuffix(uri, "/session") {
		if config, err := os.UserConfigDir(); err == nil {
			dir = filepath.Join(config, "libvirt/qemu/swtpm")
		}
	}
	return filepath.Join(dir, uuid)
}

// emulator is the machine's emulated TPM, nil if there is none. libvirt allows one.
func emulator(dom *libvirtxml.Domain) *libvirtxml.DomainTPMBackendEmulator {
	for _, t := range dom.Devices.TPMs {
		if t.Backend != nil && t.Backend.Emulator != nil {
			return t.Backend.Emulator
		}
	}
	return nil
}

// tpmVersion is that of the machine's emulated TPM, by the name of its directory; empty if there is none.
func tpmVersion(dom *libvirtxml.Domain) string {
	switch e := emulator(dom); {
	case e == nil:
		return ""
	case e.Version == "1.2":
		return "tpm1.2"
	}
	return "tpm2"
}

// tpm puts the state of the machine's TPM back.
func (n *newMachine) tpm(ctx context.Context) (notes []string, err error) {
	version, archive := tpmVersion(n.recorded), n.m.Config(kindTPM)
	switch {
	case version == "":
		return nil, nil
	case archive == nil:
		return []string{"the point has no state of its TPM: it begins with an empty one"}, nil
	}
	emulator(n.recorded).Source = nil // as in the definition
	dir := tpmDir(n.conn, n.recorded, n.uuid)
	switch found := n.has(ctx, hasFile, dir); {
	case found == there: // of a machine that was undefined with --keep-tpm
		return []string{"the state of its TPM is what " + dir + " holds already, and not the point's"}, nil
	case found == unseen:
		return []string{"the state of its TPM is not put back: " + dir + " cannot be reached through libvirt; put it there from the point before the machine starts"}, nil
	case n.o.Foresee:
		return nil, nil
	}
	if err := putTPM(archive, dir, version); err != nil {
		return nil, err
	}
	n.undo.Add(func(context.Context) error { return os.RemoveAll(dir) })
	return nil, nil
}

// maxTPM bounds a TPM's state, unpacked: a real one has some 10 KiB.
const maxTPM = 16 << 20

// putTPM unpacks a machine's TPM state into a directory that must not be there. version is the name of its inner directory,
// which the archive may begin at or lie in.
func putTPM(archive []byte, dir, version string) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o711); err != nil { // as libvirt makes it when the first TPM starts
		return err
	}
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
