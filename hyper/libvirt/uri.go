package libvirt

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// DefaultURI is the system's own daemon.
const DefaultURI = "qemu:///system"

// An address is a connection URI taken apart: libvirt, docs/uri.
type address struct {
	*url.URL
	transport string // unix, ssh, tls
}

func parse(uri string) (address, error) {
	u, err := url.Parse(cmp.Or(uri, DefaultURI))
	if err != nil {
		return address{}, fmt.Errorf("libvirt URI: %w", err)
	}
	a := address{u, "unix"}
	driver, transport, ok := strings.Cut(u.Scheme, "+")
	switch {
	case ok:
		a.transport = transport
	case u.Host != "":
		a.transport = "tls"
	}
	switch {
	case driver != "qemu":
		return a, fmt.Errorf("libvirt URI %s: only qemu is supported, as in %s", u.Redacted(), DefaultURI)
	case a.transport != "unix" && a.transport != "ssh" && a.transport != "tls":
		return a, fmt.Errorf("libvirt URI %s: transport %s is not supported: use unix, ssh or tls, as in qemu+ssh://root@host/system", u.Redacted(), a.transport)
	case a.transport != "unix" && u.Hostname() == "":
		return a, fmt.Errorf("libvirt URI %s: no host named", u.Redacted())
	}
	return a, nil
}

// driver is the URI by which the daemon knows itself.
func (a address) driver() string {
	if name := a.Query().Get("name"); name != "" {
		return name
	}
	return "qemu://" + cmp.Or(a.Path, "/system")
}

// sockets are the paths at which the daemon may listen: that of libvirtd, and that of the daemon for QEMU alone.
func (a address) sockets() []string {
	if s := a.Query().Get("socket"); s != "" {
		return []string{s}
	}
	dir := "/run/libvirt"
	if strings.HasSuffix(a.driver(), "/session") {
		dir = fmt.Sprintf("/run/user/%d/libvirt", os.Getuid())
	}
	return []string{dir + "/libvirt-sock", dir + "/virtqemud-sock"}
}

// public is the URI without what is secret in it.
func (a address) public() string {
	u := *a.URL
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	return u.String()
}
