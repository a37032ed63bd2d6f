package libvirt

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	xml "libvirt.org/go/libvirtxml"

	"vbfs/hyper/libvirt"
)

// tpm records the state of the machine's emulated TPM: the directory that swtpm keeps it in, as a tar whose names are relative to it
// (tpm2/tpm2-00.permall).
func (r *recorder) tpm(def *xml.Domain, running bool) {
	if def.Devices == nil || len(def.Devices.TPMs) == 0 || def.Devices.TPMs[0].Backend == nil { // libvirt allows one
		return
	}
	const name = "tpm.tar"
	backend := def.Devices.TPMs[0].Backend
	switch {
	case backend.Emulator == nil:
		r.lack(name, errors.New("the TPM is no emulated one: its state is where libvirt cannot reach it"))
	case r.conn.Remote():
		r.lack(name, errors.New("of a remote host the TPM's state cannot be had: run vbackup there"))
	default:
		r.state(name, tpmDir(r.conn, def.UUID, backend.Emulator), running)
		if e := backend.Emulator.Encryption; e != nil {
			r.warnings = append(r.warnings, fmt.Sprintf("configuration %s: encrypted by libvirt's secret %s, which is not recorded: keep it", name, e.Secret))
		}
	}
}

func (r *recorder) state(name, dir string, running bool) {
	data, err := r.tar(dir)
	if errors.Is(err, fs.ErrNotExist) && !running {
		return // the machine has never been started: there is no state
	}
	if err != nil {
		r.lack(name, err)
		return
	}
	r.add("tpm", name, data)
	if running {
		r.warnings = append(r.warnings, fmt.Sprintf("configuration %s: the TPM was in use: its state is as after a power failure (crash-consistent)", name))
	}
}

// tpmDir is where libvirt has swtpm keep its state: libvirt, src/qemu/qemu_tpm.c.
func tpmDir(conn *libvirt.Conn, uuid string, e *xml.DomainTPMBackendEmulator) string {
	if e.Source != nil && e.Source.Dir != nil {
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

// tar packs the regular files below a directory, and their directories.
func (r *recorder) tar(dir string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		h, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		h.Name = strings.TrimPrefix(path, dir+"/")
		h.Uname, h.Gname = "", "" // numbers tell
		var data []byte
		if !d.IsDir() {
			if data, err = r.local(path); err != nil {
				return err
			}
		} else {
			h.Name += "/"
		}
		h.Size = int64(len(data)) // as it was read
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err = w.Write(data)
		return errors.Join(err, r.fits(int64(b.Len())))
	})
	return b.Bytes(), errors.Join(err, w.Close())
}
