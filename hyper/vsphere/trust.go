package vsphere

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// dialTime bounds a connection's beginning, with TLS.
const dialTime = 30 * time.Second

// errDial is ErrUnreachable of who does not even let a connection begin.
var errDial = fmt.Errorf("%w", ErrUnreachable)

// A trust knows whose certificates are believed.
type trust struct {
	server Server
	addr   string // HOST:PORT of it

	mu    sync.Mutex        // of what follows
	hosts map[string]string // thumbprints of others, which the server gave, by address
	seen  string            // SHA-1 thumbprint of the server's certificate
}

// expect believes a host with that thumbprint.
func (t *trust) expect(addr, thumbprint string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if thumbprint != "" && addr != t.addr {
		t.hosts[addr] = thumbprint
	}
}

// thumbprint is the SHA-1 of the server's certificate, as VDDK wants it.
func (t *trust) thumbprint() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

// dial connects with TLS to who is believed.
func (t *trust) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDial, err)
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		raw.Close()
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // check does it
		VerifyConnection:   func(s tls.ConnectionState) error { return t.check(addr, host, s.PeerCertificates) },
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("tls with %s: %w", addr, err)
	}
	return conn, nil
}

// check says why a certificate is not believed.
func (t *trust) check(addr, host string, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: %s shows none", ErrCertificate, addr)
	}
	t.mu.Lock()
	want := t.hosts[addr]
	t.mu.Unlock()
	if addr == t.addr {
		want = t.server.Thumbprint
	}
	leaf := chain[0]
	switch {
	case want != "" && !same(want, leaf):
		return fmt.Errorf("%w: %s shows %s, not %s", ErrThumbprint, host, shown(want, leaf), want)
	case want == "" && !t.server.Insecure:
		if err := t.verify(host, chain); err != nil {
			return fmt.Errorf("%w: %w: its SHA-1 thumbprint is %s, its SHA-256 one %s", ErrCertificate, err, SHA1(leaf), SHA256(leaf))
		}
	}
	if addr == t.addr {
		t.mu.Lock()
		t.seen = SHA1(leaf)
		t.mu.Unlock()
	}
	return nil
}

func (t *trust) verify(host string, chain []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: t.server.Roots, Intermediates: between})
	return err
}

// shown is the certificate's thumbprint of the kind that is wanted.
func shown(want string, c *x509.Certificate) string {
	if len(plain(want)) > 2*sha1.Size {
		return SHA256(c)
	}
	return SHA1(c)
}

func same(want string, c *x509.Certificate) bool {
	w := plain(want)
	return w == plain(SHA1(c)) || w == plain(SHA256(c))
}

func plain(thumbprint string) string {
	return strings.ToUpper(strings.ReplaceAll(thumbprint, ":", ""))
}

// CheckThumbprint refuses what is no thumbprint: 20 (SHA-1) or 32 (SHA-256) bytes in hex, with or without colons.
func CheckThumbprint(s string) error {
	p := plain(s)
	if len(p) != 2*sha1.Size && len(p) != 2*sha256.Size || strings.Trim(p, "0123456789ABCDEF") != "" {
		return fmt.Errorf("%q is no thumbprint of a certificate, as AA:BB:… of SHA-1 or SHA-256 is", s)
	}
	return nil
}

// SHA1 is a certificate's thumbprint as VMware shows it: AA:BB:….
func SHA1(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return colons(sum[:])
}

// SHA256 is the same by SHA-256.
func SHA256(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return colons(sum[:])
}

func colons(sum []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}
