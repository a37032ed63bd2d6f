package lab

import (
	"fmt"
	"os"
	"path/filepath"
)

// TLS has libvirtd listen on loopback with certificates of an authority of its own, and QEMU serve backups with them. The
// daemon restarts. The URI names the directory with a client's certificate, which has the names that QEMU and libnbd look
// for as well: ca-cert.pem, client-cert.pem, client-key.pem.
func (h *Host) TLS() (uri string) {
	h.t.Helper()
	dir := h.PKI()
	port := freePort(h.t)
	h.must(certificates(dir))
	h.configureMore("libvirtd.conf", fmt.Sprintf("listen_tls = 1\nlisten_addr = \"127.0.0.1\"\ntls_port = \"%d\"\nauth_tls = \"none\"\n"+
		"ca_file = \"%[2]s/cacert.pem\"\ncert_file = \"%[2]s/servercert.pem\"\nkey_file = \"%[2]s/serverkey.pem\"\n", port, dir))
	h.configureMore("qemu.conf", fmt.Sprintf("backup_tls_x509_cert_dir = \"%s\"\nbackup_tls_x509_verify = 1\n", dir))
	h.Do("listen=--listen")
	h.Restart()
	return fmt.Sprintf("qemu+tls://localhost:%d/system?pkipath=%s", port, dir)
}

// PKI is where TLS puts the certificates.
func (h *Host) PKI() string { return filepath.Join(h.Dir, "pki") }

func (h *Host) configureMore(name, text string) {
	h.t.Helper()
	f, err := os.OpenFile(filepath.Join(h.Dir, "etc", name), os.O_APPEND|os.O_WRONLY, 0)
	h.must(err)
	defer f.Close()
	_, err = f.WriteString(text)
	h.must(err)
}
