// Package vspheretest logs tests in to the double of vSphere.
//
//	vsim.Host -> Server: how a program would name it -> Login -> Conn, which ends with the test
package vspheretest

import (
	"context"
	"crypto/x509"
	"os"
	"testing"

	"vbfs/hyper/vsphere"
	"vbfs/testdata/vsim"
)

// Server is a host as a program would name it.
func Server(t testing.TB, h *vsim.Host) vsphere.Server {
	t.Helper()
	pem, err := os.ReadFile(h.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return vsphere.Server{Host: h.URL().Host, User: h.User(), Password: h.Password(), Roots: roots}
}

// Login begins a session that ends with the test.
func Login(t testing.TB, h *vsim.Host) *vsphere.Conn {
	t.Helper()
	conn, err := vsphere.Login(context.Background(), Server(t, h))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// ByThumbprint is a host as another process can be told it.
func ByThumbprint(h *vsim.Host) vsphere.Server {
	return vsphere.Server{Host: h.URL().Host, User: h.User(), Password: h.Password(), Thumbprint: h.Thumbprint()}
}
