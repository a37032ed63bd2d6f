package vsphere

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// A way is from where, and by which right, a file is read.
type way struct {
	url    url.URL
	ticket bool // a host wants tickets, the server its session

	mu     sync.Mutex // of what follows
	spares []string   // tickets that were good once, and may be again
	once   bool       // tickets of this host are good for one request
}

// ticketCookie is where a host looks for a ticket: VMware's vSphere Web Services SDK Programming Guide, "HTTP access to vSphere
// server files".
const ticketCookie = "vmware_cgi_ticket"

// A statusError is an answer that is none.
type statusError struct {
	code   int
	status string
}

func (e *statusError) Error() string { return "the answer is " + e.status }
func (e *statusError) Unwrap() error { return ErrFile }

// serverWay reads through the server itself.
func (c *Conn) serverWay(ctx context.Context, m *Machine, p object.DatastorePath) (*way, error) {
	names, err := c.named(ctx, m.Datastores)
	if err != nil {
		return nil, err
	}
	for ref, name := range names {
		if name != p.Datastore {
			continue
		}
		datacenter, err := c.datacenter(ctx, ref)
		if err != nil {
			return nil, err
		}
		return &way{url: folder(c.vim.URL().Host, p, datacenter)}, nil
	}
	return nil, fmt.Errorf("%w: %s has no datastore %q", ErrFile, m.Name, p.Datastore)
}

// hostWay reads from a host, at the address by which the server knows it.
func (c *Conn) hostWay(ctx context.Context, host Ref, p object.DatastorePath) (*way, error) {
	system := object.NewHostSystem(c.vim, host)
	ips, err := system.ManagementIPs(ctx)
	if err != nil {
		return nil, translate(err)
	}
	address := ""
	if len(ips) > 0 {
		address = ips[0].String()
	} else if address, err = system.ObjectName(ctx); err != nil {
		return nil, translate(err)
	}
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return &way{url: folder(address, p, ""), ticket: true}, nil
}

// folder is a file's address. A host knows of no datacenters.
func folder(host string, p object.DatastorePath, datacenter string) url.URL {
	q := url.Values{"dsName": {p.Datastore}}
	if datacenter != "" {
		q.Set("dcPath", datacenter)
	}
	return url.URL{Scheme: "https", Host: host, Path: "/folder/" + p.Path, RawQuery: strings.ReplaceAll(q.Encode(), "+", "%20")}
}

// do sends a request with what it needs to be let in. Only an answer with bytes is one.
func (w *way) do(ctx context.Context, c *Conn, req *http.Request) (*http.Response, error) {
	logins := c.session.count()
	spare, ticket, err := w.take(ctx, c)
	if err != nil {
		return nil, err
	}
	if ticket != "" {
		req.AddCookie(&http.Cookie{Name: ticketCookie, Value: ticket})
	}
	res, err := c.session.soap.Client.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusPartialContent {
		w.give(ticket)
		return res, nil
	}
	res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden {
		switch {
		case spare:
			w.mu.Lock()
			w.once = true
			w.mu.Unlock()
			return nil, errStale
		case !w.ticket:
			if err := c.session.again(ctx, logins); err != nil {
				return nil, fmt.Errorf("the session has expired: %w", err)
			}
		}
	}
	return nil, &statusError{res.StatusCode, res.Status}
}

// errStale says that a ticket was not good for a second request.
var errStale = errors.New("the ticket was used up")

// again tells whether an error may be over soon.
func (w *way) again(err error) bool {
	var s *statusError
	switch {
	case errors.As(err, &s):
		return s.code >= 500 || s.code == http.StatusUnauthorized || s.code == http.StatusTooManyRequests || s.code == http.StatusRequestTimeout
	case errors.Is(err, ErrFile), errors.Is(err, ErrCertificate), errors.Is(err, ErrThumbprint), errors.Is(err, ErrLogin), errors.Is(err, ErrPrivilege):
		return false
	case w.ticket && errors.Is(err, ErrUnreachable): // there is the server
		return false
	}
	return true
}

// take gives a ticket, an old one if there is one that may be good still.
func (w *way) take(ctx context.Context, c *Conn) (spare bool, ticket string, err error) {
	if !w.ticket {
		return false, "", nil
	}
	w.mu.Lock()
	if n := len(w.spares); !w.once && n > 0 {
		spare, ticket, w.spares = true, w.spares[n-1], w.spares[:n-1]
	}
	w.mu.Unlock()
	if spare {
		return true, ticket, nil
	}
	ticket, err = c.ticket(ctx, w.url)
	return false, ticket, err
}

// give keeps a ticket that was good.
func (w *way) give(ticket string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.once && ticket != "" {
		w.spares = append(w.spares, ticket)
	}
}

// ticket asks the server for the right to read a file from a host, and whom to believe there.
func (c *Conn) ticket(ctx context.Context, u url.URL) (string, error) {
	r, err := methods.AcquireGenericServiceTicket(ctx, c.vim, &types.AcquireGenericServiceTicket{
		This: c.session.manager, Spec: &types.SessionManagerHttpServiceRequestSpec{Method: "httpGet", Url: u.String()},
	})
	if err != nil {
		return "", fmt.Errorf("ticket for %s: %w", u.Host, translate(err))
	}
	c.trust.expect(withPort(u.Host), thumbprintOf(&r.Returnval))
	return r.Returnval.Id, nil
}

// thumbprintOf is how the server knows a host's certificate; "" is: by its name.
func thumbprintOf(t *types.SessionManagerGenericServiceTicket) string {
	for _, p := range t.CertThumbprintList {
		if strings.EqualFold(p.HashAlgorithm, "sha256") && CheckThumbprint(p.Thumbprint) == nil {
			return p.Thumbprint
		}
	}
	if t.SslThumbprint != "" {
		return t.SslThumbprint
	}
	if block, _ := pem.Decode([]byte(t.SslCertificate)); block != nil {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			return SHA256(cert)
		}
	}
	return ""
}
