//go:build cgo && !nolibnbd

package nbd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbfs/ingest"
	"vbfs/ingest/sourcetest"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	plain := sample(3 << 20)
	file := imageFile(t, plain)
	ours, strangers := certificates(t), certificates(t)
	socket := filepath.Join(socketDir(t), "s")
	start(t, socket, "nbdkit", "-f", "-U", socket, "--tls=require", "--tls-verify-peer", "--tls-certificates="+ours, "file", file)
	secure := func(dir string) string {
		return "nbds+unix://localhost/?socket=" + url.QueryEscape(socket) + "&tls-certificates=" + url.QueryEscape(dir)
	}
	t.Run("conformance", func(t *testing.T) {
		sourcetest.Test(t, func(t *testing.T) ingest.Source { return open(t, secure(ours), Options{}) }, plain)
	})
	for name, uri := range map[string]string{"no TLS": unixURI(socket, ""), "an unknown authority": secure(strangers)} {
		if _, err := Open(t.Context(), uri, Options{Timeout: 5 * time.Second}); err == nil || !strings.Contains(err.Error(), "TLS") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// certificates makes an authority, and a server's and a client's certificate, under the names that libnbd, nbdkit
// and QEMU look for.
func certificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
	}
	authority := template(1, "authority")
	authority.IsCA, authority.BasicConstraintsValid, authority.ExtKeyUsage = true, true, nil
	caKey := issue(t, dir, "ca", authority, authority, nil)
	for i, name := range []string{"server", "client"} {
		leaf := template(int64(i)+2, "localhost")
		leaf.KeyUsage = x509.KeyUsageDigitalSignature
		issue(t, dir, name, leaf, authority, caKey)
	}
	return dir
}

func issue(t *testing.T, dir, name string, cert, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + "-cert.pem": {Type: "CERTIFICATE", Bytes: der}, name + "-key.pem": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return key
}
