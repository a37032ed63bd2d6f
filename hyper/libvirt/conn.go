package libvirt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	rpc "github.com/digitalocean/go-libvirt"
)

// A Conn is a connection to a libvirt daemon, made again when the daemon was restarted. Goroutines may share it.
type Conn struct {
	a     address
	calls sync.WaitGroup // under way, given up ones too

	mu     sync.Mutex // of what follows
	live   *link      // nil: none
	closed bool
}

// A link is one connection, until it breaks.
type link struct {
	rpc  *rpc.Libvirt
	conn *frames
}

// redialTime bounds how long a daemon that is gone is waited for: systemd has it again within a few seconds.
const redialTime = 20 * time.Second

// closeTime bounds the courtesy of telling the daemon that we go.
const closeTime = 2 * time.Second

// Dial connects to the daemon that a URI names, as virsh does; empty is DefaultURI. The URI's parameters socket, keyfile,
// known_hosts, no_verify, pkipath and name are understood: libvirt, docs/uri and docs/remote.
func Dial(ctx context.Context, uri string) (*Conn, error) {
	a, err := parse(uri)
	if err != nil {
		return nil, err
	}
	c := &Conn{a: a}
	if c.live, err = c.dial(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// URI is what the connection was made to, without secrets.
func (c *Conn) URI() string { return c.a.public() }

// Remote tells whether the daemon is reached through a network, so that its files are not ours.
func (c *Conn) Remote() bool { return c.a.transport != "unix" }

// Transport is unix, ssh or tls.
func (c *Conn) Transport() string { return c.a.transport }

// Host is the remote daemon's name or address, empty for a local one.
func (c *Conn) Host() string { return c.a.Hostname() }

// Certificates names the files by which a TLS connection is made: libvirt, docs/kbase/tlscerts.
func (c *Conn) Certificates() (ca, cert, key string) {
	if dir := c.a.Query().Get("pkipath"); dir != "" {
		return dir + "/cacert.pem", dir + "/clientcert.pem", dir + "/clientkey.pem"
	}
	if home, err := os.UserHomeDir(); err == nil && os.Getuid() != 0 {
		if dir := home + "/.pki/libvirt"; exists(dir + "/clientcert.pem") {
			return dir + "/cacert.pem", dir + "/clientcert.pem", dir + "/clientkey.pem"
		}
	}
	return "/etc/pki/CA/cacert.pem", "/etc/pki/libvirt/clientcert.pem", "/etc/pki/libvirt/private/clientkey.pem"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// DialSocket connects to a Unix socket on the daemon's host: a local one, or one behind SSH.
func (c *Conn) DialSocket(ctx context.Context, path string) (net.Conn, error) {
	if c.a.transport == "tls" {
		return nil, fmt.Errorf("socket %s on %s: %w: TLS leads to the daemon alone", path, c.Host(), ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	return within(ctx, func() (net.Conn, error) { return c.a.dial(ctx, path) })
}

// Close ends the connection. Calls under way end with ErrLost.
func (c *Conn) Close() error {
	c.mu.Lock()
	l := c.live
	c.live, c.closed = nil, true
	c.mu.Unlock()
	if l != nil {
		l.close()
	}
	c.calls.Wait()
	return nil
}

// close says goodbye, or just goes.
func (l *link) close() {
	timer := time.AfterFunc(closeTime, func() { l.conn.Close() })
	defer timer.Stop()
	l.rpc.Disconnect() // an error is that the connection is gone
	l.conn.Close()
}

func (c *Conn) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTime, fmt.Errorf("no answer within %v", dialTime))
	defer cancel()
	d := &dialer{ctx: ctx, a: c.a}
	l := rpc.NewWithDialer(d)
	err := l.ConnectToURI(rpc.ConnectURI(c.a.driver()))
	if d.stop != nil {
		d.stop()
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		d.hangUp()
		return nil, fmt.Errorf("connect to %s: %w", c.URI(), dialError(err))
	}
	return &link{l, d.conn}, nil
}

// dialError is an error of connecting: what libvirt said is translated, all else is as the dialer has it.
func dialError(err error) error {
	var said rpc.Error
	if errors.As(err, &said) {
		return translate(err)
	}
	return err
}

// begin gives a live connection for one call, which calls.Done ends.
func (c *Conn) begin(ctx context.Context) (*rpc.Libvirt, error) {
	end := time.Now().Add(redialTime)
	for {
		l, err := c.try(ctx)
		if err == nil || errors.Is(err, ErrClosed) || ctx.Err() != nil || time.Now().After(end) {
			return l, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// try makes the connection again if it is gone.
func (c *Conn) try(ctx context.Context) (*rpc.Libvirt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.live != nil && c.live.conn.dead.Load() {
		c.live.conn.Close()
		c.live = nil
	}
	if c.live == nil {
		l, err := c.dial(ctx)
		if err != nil {
			return nil, err
		}
		c.live = l
	}
	c.calls.Add(1)
	return c.live.rpc, nil
}
