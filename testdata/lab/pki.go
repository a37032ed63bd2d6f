package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificates makes an authority, and by it a server and a client, in files with the names that libvirt and QEMU look for.
func certificates(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	ca := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	key, err := issue(ca, "authority", ca, nil)
	if err != nil {
		return err
	}
	err = write(dir, ca.Raw, "CERTIFICATE", "cacert.pem", "ca-cert.pem")
	for role, usage := range map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth} {
		c := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{usage},
			DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}}
		own, e := issue(c, role, ca, key)
		if e != nil {
			return e
		}
		der, e := x509.MarshalPKCS8PrivateKey(own)
		err = errors.Join(err, e, write(dir, c.Raw, "CERTIFICATE", role+"cert.pem", role+"-cert.pem"),
			write(dir, der, "PRIVATE KEY", role+"key.pem", role+"-key.pem"))
	}
	return err
}

// issue makes a key for what a certificate says, and has it signed: by itself without an authority's key. It is then what
// was signed.
func issue(c *x509.Certificate, name string, ca *x509.Certificate, by crypto.Signer) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if by == nil {
		by = key
	}
	c.Subject = pkix.Name{CommonName: "lab " + name}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, ca, key.Public(), by)
	if err != nil {
		return nil, err
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	*c = *signed
	return key, nil
}

// write writes the same to several files.
func write(dir string, der []byte, kind string, names ...string) (err error) {
	for _, name := range names {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	return err
}
