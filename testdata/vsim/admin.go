package vsim

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/google/uuid"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// adminUser is nobody's name, and what it does is not counted, refused or made to fail.
const adminUser = "the test itself"

// An admin is the test's own client, over pipes in memory and past the front.
type admin struct {
	secret string
	client *govmomi.Client
	finder *find.Finder
	dc     *object.Datacenter
}

func (h *Host) isAdmin(l *types.Login) bool {
	return h.admin != nil && l.UserName == adminUser && l.Password == h.admin.secret
}

func (h *Host) byAdmin(ctx *simulator.Context) bool {
	return ctx.Session.UserName == adminUser || ctx.Session.UserName == "" // "" is vcsim's own client
}

func (h *Host) login() error {
	ctx := context.Background()
	h.admin = &admin{secret: newUUID()}
	pipes := newPipes()
	server := &http.Server{Handler: h.service.ServeMux}
	go server.Serve(pipes)
	h.t.Cleanup(func() { server.Close() })
	c := soap.NewClient(&url.URL{Scheme: "http", Host: "vsim", Path: vim25.Path}, true)
	c.DefaultTransport().DialContext = pipes.dial
	vc, err := vim25.NewClient(ctx, c)
	if err != nil {
		return err
	}
	h.admin.client = &govmomi.Client{Client: vc, SessionManager: session.NewManager(vc)}
	if err = h.admin.client.Login(ctx, url.UserPassword(adminUser, h.admin.secret)); err != nil {
		return fmt.Errorf("log in the test: %w", err)
	}
	h.admin.finder = find.NewFinder(vc)
	if h.admin.dc, err = h.admin.finder.DefaultDatacenter(ctx); err != nil {
		return err
	}
	h.admin.finder.SetDatacenter(h.admin.dc)
	return nil
}

// Client is a client of the test's own: what it does is not counted and not made to fail. It speaks SOAP and REST, and
// reads no files.
func (h *Host) Client() *vim25.Client { return h.admin.client.Client }

// Finder finds what Client can see, in the one datacenter.
func (h *Host) Finder() *find.Finder { return h.admin.finder }

// pipes is a listener that is reached by dial alone.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "vsim", Net: "unix"} }

func newUUID() string { return uuid.NewString() }
