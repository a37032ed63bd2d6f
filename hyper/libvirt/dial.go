package libvirt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/digitalocean/go-libvirt/socket/dialers"
	"golang.org/x/crypto/ssh/knownhosts"
)

// dialTime bounds a connection's beginning, with all handshakes.
const dialTime = 30 * time.Second

// A dialer makes the byte stream to the daemon, once.
type dialer struct {
	ctx  context.Context // of the connection's beginning: Dial is given none
	a    address
	conn *frames     // made
	stop func() bool // ends the watch that closes conn when ctx ends
}

// Dial is called by the library.
func (d *dialer) Dial() (net.Conn, error) {
	conn, err := within(d.ctx, func() (net.Conn, error) { return d.a.dial(d.ctx, "") })
	if err != nil {
		return nil, err
	}
	d.conn = &frames{Conn: conn}
	d.stop = context.AfterFunc(d.ctx, func() { conn.Close() })
	return d.conn, nil
}

func (d *dialer) hangUp() {
	if d.conn != nil {
		d.conn.Close()
	}
}

// within gives up what cannot be told to stop; a connection that is made too late is closed.
func within(ctx context.Context, dial func() (net.Conn, error)) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := dial()
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		return r.conn, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				r.conn.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// dial connects to a Unix socket on the daemon's host, which is the daemon's own if it is empty; over TLS there is no other.
func (a address) dial(ctx context.Context, socket string) (net.Conn, error) {
	switch a.transport {
	case "ssh":
		conn, err := a.ssh(socket).Dial()
		return conn, sshError(a.Host, err)
	case "tls":
		conn, err := a.tls().Dial()
		return conn, tlsError(a.Host, err)
	}
	if socket != "" {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return a.local(ctx)
}

// local takes the first socket that is there.
func (a address) local(ctx context.Context) (net.Conn, error) {
	paths := a.sockets()
	for _, path := range paths {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("%w to %s: be root or in its group, often libvirt", ErrDenied, path)
		case errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("%w: nobody listens on %s: start libvirtd", ErrNoSocket, path)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: no socket %s: start libvirtd, or name another by its URI", ErrNoSocket, paths[0])
}

// ssh knows hosts as the system's client does.
func (a address) ssh(socket string) *dialers.SSH {
	q := a.Query()
	password, _ := a.User.Password()
	options := []dialers.SSHOption{dialers.UseSSHUsername(a.User.Username()), dialers.UseSSHPassword(password), dialers.WithRemoteSocket(a.sockets()[0])}
	if home, err := os.UserHomeDir(); err == nil {
		options = append(options, dialers.UseKnownHostsFile(filepath.Join(home, ".ssh", "known_hosts")))
	}
	if port := a.Port(); port != "" {
		options = append(options, dialers.UseSSHPort(port))
	}
	if file := q.Get("keyfile"); file != "" {
		options = append(options, dialers.UseKeyFile(file))
	}
	if file := q.Get("known_hosts"); file != "" {
		options = append(options, dialers.UseKnownHostsFile(file))
	}
	if q.Get("no_verify") == "1" || q.Get("known_hosts_verify") == "ignore" {
		options = append(options, dialers.WithInsecureIgnoreHostKey())
	}
	if socket != "" {
		options = append(options, dialers.WithRemoteSocket(socket))
	}
	return dialers.NewSSH(a.Hostname(), options...)
}

func (a address) tls() *dialers.TLS {
	var options []dialers.TLSOption
	if port := a.Port(); port != "" {
		options = append(options, dialers.UseTLSPort(port))
	}
	if dir := a.Query().Get("pkipath"); dir != "" {
		options = append(options, dialers.UsePKIPath(dir))
	}
	if a.Query().Get("no_verify") == "1" {
		options = append(options, dialers.WithInsecureNoVerify())
	}
	return dialers.NewTLS(a.Hostname(), options...)
}

func sshError(host string, err error) error {
	var key *knownhosts.KeyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &key) && len(key.Want) == 0, errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: that of %s is not known: connect with `ssh` once: %w", ErrHostKey, host, err)
	case errors.As(err, &key):
		return fmt.Errorf("%w: that of %s is another than %s:%d says: %w", ErrHostKey, host, key.Want[0].Filename, key.Want[0].Line, err)
	}
	return fmt.Errorf("ssh to %s: %w", host, err)
}

func tlsError(host string, err error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: none of ours for %s (the URI's pkipath= names a directory with cacert.pem, clientcert.pem, clientkey.pem): %w", ErrCertificate, host, err)
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &alert):
		return fmt.Errorf("%w: %s: %w", ErrCertificate, host, err)
	}
	return fmt.Errorf("tls to %s: %w", host, err)
}
