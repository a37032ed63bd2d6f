package libvirt

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"vbfs/hyper/libvirt"
)

// A way leads to the job's NBD server: its Unix socket, the same one through SSH, or TCP with TLS.
type way struct {
	socket string  // here; "" with TLS
	tunnel *tunnel // behind the socket, with SSH
	host   string  // HOST:PORT, with TLS
	dir    string  // of ours, to remove; with TLS it has the certificates as libnbd names them
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
	dir, err := os.MkdirTemp("", "vl")
	if err != nil {
		return nil, err
	}
	w := &way{dir: dir}
	if h.port != 0 {
		w.host = fmt.Sprintf("%s:%d", h.m.conn.Host(), h.port)
		err = certificates(dir, h.m.conn)
	} else {
		w.socket = filepath.Join(dir, "s")
		w.tunnel, err = newTunnel(w.socket, h.m.conn, h.place.socket())
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// certificates gives those of the connection to libvirt the names that libnbd looks for: libnbd, docs/libnbd.pod, TLS.
func certificates(dir string, conn *libvirt.Conn) error {
	ca, cert, key := conn.Certificates()
	for name, file := range map[string]string{"ca-cert.pem": ca, "client-cert.pem": cert, "client-key.pem": key} {
		if err := os.Symlink(file, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// uri names a disk: NBD, doc/uri.md.
func (w *way) uri(target string) string {
	u := url.URL{Scheme: "nbd+unix", Path: "/" + target, RawQuery: url.Values{"socket": {w.socket}}.Encode()}
	if w.host != "" {
		u = url.URL{Scheme: "nbds", Host: w.host, Path: "/" + target, RawQuery: url.Values{"tls-certificates": {w.dir}}.Encode()}
	}
	return u.String()
}

func (w *way) close() {
	if w == nil {
		return
	}
	w.tunnel.close()
	if w.dir != "" {
		os.RemoveAll(w.dir) // in the directory for temporary files
	}
}
