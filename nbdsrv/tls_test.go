package nbdsrv_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vbfs/nbdsrv"
	"vbfs/nbdsrv/exporttest"
	"vbfs/nbdsrv/proto"
)

// TestTLS: a foreign client negotiates TLS with certificates on both sides and reads the right bytes; one without
// TLS is refused.
func TestTLS(t *testing.T) {
	t.Parallel()
	m, plain := exporttest.Random(3<<20+7, 100<<10, 41)
	config, dir := certificates(t)
	socket := serve(t, one(m), nbdsrv.Options{TLS: config, RequireTLS: true})
	raw := filepath.Join(t.TempDir(), "plain.raw")
	if err := os.WriteFile(raw, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	nbdsh(t, "testdata/tls.py", socket, raw, dir)
}

// TestForgottenAtTLS: what was negotiated in plain text does not count under TLS.
func TestForgottenAtTLS(t *testing.T) {
	t.Parallel()
	config, _ := certificates(t)
	config.ClientAuth = tls.NoClientCert
	cat := one(small())
	c := dial(t, serve(t, cat, nbdsrv.Options{TLS: config}))
	c.want(proto.OptStructuredReply, nil, proto.RepAck)
	meta := proto.MetaRequest{Queries: []string{"base:allocation"}}.Append(nil)
	c.want(proto.OptSetMetaContext, meta, proto.RepMetaContext, proto.RepAck)
	c.want(proto.OptStartTLS, nil, proto.RepAck)
	eventually(t, "the export closed", func() bool { return cat.closed.Load() == 1 })
	c.Conn = tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	c.want(proto.OptStartTLS, nil, proto.RepErrInvalid)
	c.want(proto.OptSetMetaContext, meta, proto.RepErrInvalid)
	c.want(proto.OptGo, proto.ExportRequest{}.Append(nil), proto.RepInfo, proto.RepInfo, proto.RepAck)
	if a := c.ask(proto.Request{Length: 100}); len(a.data) != 100 { // a simple reply
		t.Errorf("read under TLS: %+v", a)
	}
}

// certificates makes an authority, a server's configuration that demands client certificates of it, and a folder with
// what libnbd wants of a client.
func certificates(t *testing.T) (*tls.Config, string) {
	t.Helper()
	dir := t.TempDir()
	ca, caKey := certificate(t, nil, nil)
	server, serverKey := certificate(t, ca, caKey)
	user, userKey := certificate(t, ca, caKey)
	writePEM(t, filepath.Join(dir, "ca-cert.pem"), "CERTIFICATE", ca.Raw)
	writePEM(t, filepath.Join(dir, "client-cert.pem"), "CERTIFICATE", user.Raw)
	key, err := x509.MarshalPKCS8PrivateKey(userKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "client-key.pem"), "PRIVATE KEY", key)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
	}, dir
}

// certificate makes one for localhost, signed by parent, or an authority's own when parent is nil.
func certificate(t *testing.T, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
