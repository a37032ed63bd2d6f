package libvirt

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"strings"

	"vbfs/hyper/libvirt"
	"vbfs/hyper/process"
)

// A way leads to the job's NBD server: its Unix socket, the same one through SSH, or TCP with TLS.
type way struct {
	socket string          // here; "" with TLS
	tunnel *tunnel         // behind the socket, with SSH
	host   string          // HOST:PORT, with TLS
	folder *process.Folder // of ours, to remove; with TLS it has the certificates
}

// firstPort is NBD's; so many from there on are tried, of which another machine's job may have some.
const (
	firstPort = 10809
	ports     = 16
)

// listen says where the job's server is to listen.
func (h *hold) listen(b *libvirt.Backup) {
	if h.m.conn.Transport() != "tls" {
		b.Socket = h.place.socket()
		return
	}
	h.port = cmp.Or(h.port, firstPort)
	b.Name, b.Port = h.m.conn.Host(), h.port
}

// otherPort goes on to the next port when the one was taken.
func (h *hold) otherPort(err error) bool {
	if h.port == 0 || h.port == firstPort+ports-1 || !strings.Contains(err.Error(), "in use") {
		return false
	}
	h.port++
	return true
}

func (h *hold) newWay() (*way, error) {
	if h.place.local {
		return &way{socket: h.place.socket()}, nil
	}
	folder, err := process.NewFolder()
	if err != nil {
		return nil, err
	}
	w := &way{folder: &folder}
	if h.port != 0 {
		w.host = fmt.Sprintf("%s:%d", h.m.conn.Host(), h.port)
		err = certificates(folder, h.m.conn)
	} else {
		w.socket = folder.File(process.Socket)
		w.tunnel, err = newTunnel(w.socket, h.m.conn, h.place.socket())
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// certificates gives those of the connection to libvirt the names that libnbd looks for.
func certificates(to process.Folder, conn *libvirt.Conn) error {
	ca, cert, key := conn.Certificates()
	for name, file := range map[string]string{process.CA: ca, process.ClientCert: cert, process.ClientKey: key} {
		if err := os.Symlink(file, to.File(name)); err != nil {
			return err
		}
	}
	return nil
}

// uri names a disk: NBD, doc/uri.md.
func (w *way) uri(target string) string {
	u := url.URL{Scheme: "nbd+unix", Path: "/" + target, RawQuery: url.Values{"socket": {w.socket}}.Encode()}
	if w.host != "" {
		u = url.URL{Scheme: "nbds", Host: w.host, Path: "/" + target, RawQuery: url.Values{"tls-certificates": {w.folder.Path}}.Encode()}
	}
	return u.String()
}

func (w *way) close() {
	if w == nil {
		return
	}
	w.tunnel.close()
	if w.folder != nil {
		w.folder.Remove()
	}
}
