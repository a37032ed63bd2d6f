package vsim

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A front is an HTTPS server whose certificate can change while it runs.
type front struct {
	listener net.Listener
	server   *http.Server
	dir      string

	mu   sync.Mutex
	held *certificate
}

func (h *Host) newFront(address string, to http.Handler) (*front, error) {
	f := &front{dir: h.dir}
	if err := f.renew(); err != nil {
		return nil, err
	}
	var err error
	if f.listener, err = net.Listen("tcp", address); err != nil {
		return nil, err
	}
	f.server = &http.Server{Handler: to, ReadHeaderTimeout: time.Minute, ErrorLog: silent,
		TLSConfig:    &tls.Config{GetCertificate: f.certificate},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2, as there
	}
	ended := make(chan error, 1)
	go func() { ended <- f.server.ServeTLS(f.listener, "", "") }()
	h.t.Cleanup(func() {
		f.server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			h.t.Fatalf("vsim: %v", err)
		}
	})
	return f, nil
}

func (f *front) address() string { return f.listener.Addr().String() }

func (f *front) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return &f.cert().pair, nil
}

func (f *front) cert() *certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held
}

func (f *front) renew() error {
	c, err := newCertificate(f.dir)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = c
	return nil
}

// route is the vCenter's, or the standalone ESXi's, door.
func (h *Host) route(w http.ResponseWriter, r *http.Request) {
	h.count(func(c *Counts) { c.Requests++ })
	w, r = h.trouble(w, r)
	switch {
	case w == nil:
	case strings.HasPrefix(r.URL.Path, "/folder/"):
		h.folder(w, r)
	case strings.HasPrefix(r.URL.Path, "/nfc/"):
		h.nfc(w, r)
	default:
		h.count(func(c *Counts) { c.RoundTrips++ })
		h.service.ServeMux.ServeHTTP(w, r)
	}
}
