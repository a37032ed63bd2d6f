package vsphere

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// A Ref names an object of the server: Type and Value, as VirtualMachine and vm-42.
type Ref = types.ManagedObjectReference

// A Server is a vCenter or an ESXi host, and how it is known.
type Server struct {
	Host           string // name or address, with :PORT if it is not 443
	User, Password string

	// Thumbprint is the SHA-1 or SHA-256 of its certificate, as AA:BB:…; nothing else is asked then.
	Thumbprint string
	// Roots are the authorities that are believed. nil is the system's.
	Roots *x509.CertPool
	// Insecure believes anybody, when there is no Thumbprint.
	Insecure bool
}

// A Conn is a session with a server. Goroutines may share it.
type Conn struct {
	vim     *vim25.Client
	trust   *trust
	session *session
	slots   chan struct{} // HTTP requests for data under way
	streams chan struct{} // those of them that stay open between reads
	dead    dead          // hosts that cannot be reached
	hosts   sync.Map      // names by Ref, of those that were asked for
	stop    func()        // ends who keeps the session alive
	kept    sync.WaitGroup
}

// requestsAtOnce bounds the requests for data under way: hosts answer 503 and cut connections when there are many.
const requestsAtOnce = 12

// streamsAtOnce bounds those of them that wait for their reader. It leaves room for the others, so that nobody waits for ever.
const streamsAtOnce = 8

// closeTime bounds the courtesy of logging out.
const closeTime = 10 * time.Second

// Login begins a session.
func Login(ctx context.Context, s Server) (*Conn, error) {
	u, err := s.url()
	if err != nil {
		return nil, err
	}
	c := &Conn{
		trust: &trust{server: s, addr: withPort(u.Host), hosts: map[string]string{}}, slots: make(chan struct{}, requestsAtOnce),
		streams: make(chan struct{}, streamsAtOnce),
	}
	client := soap.NewClient(u, false)
	t := client.DefaultTransport()
	t.Proxy, t.DialTLSContext = nil, c.trust.dial
	t.MaxIdleConnsPerHost = requestsAtOnce
	client.Client.Transport = bounded{t}
	if err := c.begin(ctx, client); err != nil {
		client.CloseIdleConnections()
		return nil, fmt.Errorf("log in to %s: %w", s.Host, unreachable(err))
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.kept.Go(func() { c.keep(life) })
	return c, nil
}

// begin asks what the server is, and logs in.
func (c *Conn) begin(ctx context.Context, client *soap.Client) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTime+callTime, ErrTimeout)
	defer cancel()
	if c.vim, err = vim25.NewClient(ctx, client); err != nil {
		return translate(err)
	}
	if c.vim.ServiceContent.SessionManager == nil {
		return fmt.Errorf("%w: it has no sessions, so it is no vCenter and no ESXi", ErrUnreachable)
	}
	c.session = &session{soap: client, manager: *c.vim.ServiceContent.SessionManager, user: c.trust.server.User, password: c.trust.server.Password}
	c.vim.RoundTripper = c.session
	return c.session.login(ctx)
}

func (s Server) url() (*url.URL, error) {
	host := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(s.Host, "https://"), "/"), "/sdk")
	u := &url.URL{Scheme: "https", Host: host, Path: vim25.Path}
	if host == "" || strings.ContainsAny(host, "/?#@ ") || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is no server, as vcenter.example.org or 192.0.2.1:8443 are", s.Host)
	}
	if s.Thumbprint == "" {
		return u, nil
	}
	return u, CheckThumbprint(s.Thumbprint)
}

// withPort adds https's port if there is none.
func withPort(host string) string {
	u := url.URL{Host: host}
	if u.Port() != "" {
		return host
	}
	return net.JoinHostPort(u.Hostname(), "443")
}

// unreachable marks errors of the network on the way to a server.
func unreachable(err error) error {
	var u *url.Error
	var f *Fault
	switch {
	case errors.Is(err, ErrCertificate), errors.Is(err, ErrThumbprint), errors.Is(err, ErrUnreachable), errors.As(err, &f), errors.Is(err, context.Canceled):
	case errors.As(err, &u):
		return fmt.Errorf("%w: %w", ErrUnreachable, u.Err)
	}
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Host is the server's name as it was given.
func (c *Conn) Host() string { return c.trust.server.Host }

// User is who has logged in.
func (c *Conn) User() string { return c.trust.server.User }

// Version is the server's product, version and build.
func (c *Conn) Version() string {
	a := c.vim.ServiceContent.About
	return strings.TrimSpace(a.Name + " " + a.Version + " build-" + a.Build)
}

// VCenter tells whether the server is a vCenter, and no single host.
func (c *Conn) VCenter() bool { return c.vim.IsVC() }

// Thumbprint is the SHA-1 of the server's certificate, which was believed.
func (c *Conn) Thumbprint() string { return c.trust.thumbprint() }

// Close logs out.
func (c *Conn) Close() error {
	c.stop()
	c.kept.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_, err := methods.Logout(ctx, c.session.soap, &types.Logout{This: c.session.manager})
	c.session.soap.CloseIdleConnections()
	if err := translate(err); err != nil && !errors.Is(err, ErrLogin) { // who is not logged in any more need not log out
		return fmt.Errorf("log out of %s: %w", c.Host(), unreachable(err))
	}
	return nil
}

// answerSize bounds what the server answers to one call, in bytes: 5,000 machines take some 10 MB.
const answerSize = 1 << 30

// bounded cuts off answers to calls that are too long.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.Transport.RoundTrip(r)
	if err == nil && r.Method == http.MethodPost && r.URL.Path == vim25.Path {
		res.Body = http.MaxBytesReader(nil, res.Body, answerSize)
	}
	return res, err
}
