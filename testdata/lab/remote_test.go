package lab

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket"
	"github.com/digitalocean/go-libvirt/socket/dialers"
)

// TestRemote reaches the host by ssh and by TLS, in the same process and by libvirt's own client.
func TestRemote(t *testing.T) {
	t.Parallel()
	h := Start(t)
	h.Domain(Spec{Name: "there", Off: true})
	ssh, tls := part(t, h.SSH()), part(t, h.TLS())
	for name, d := range map[string]socket.Dialer{
		"ssh": dialers.NewSSH(ssh.Hostname(), dialers.UseSSHPort(ssh.Port()), dialers.UseSSHUsername("root"), dialers.UseKeyFile(ssh.Query().Get("keyfile")),
			dialers.UseKnownHostsFile(ssh.Query().Get("known_hosts")), dialers.WithRemoteSocket(ssh.Query().Get("socket"))),
		"tls": dialers.NewTLS(tls.Hostname(), dialers.UseTLSPort(tls.Port()), dialers.UsePKIPath(tls.Query().Get("pkipath"))),
	} {
		l := libvirt.NewWithDialer(d)
		if err := l.ConnectToURI(libvirt.QEMUSystem); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := l.DomainLookupByName("there"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		l.Disconnect()
	}
	if out, err := output("virsh", "-c", tls.String(), "list", "--all", "--name"); strings.TrimSpace(out) != "there" {
		t.Errorf("virsh by TLS: %s, %v", out, err)
	}
}

func part(t *testing.T, uri string) *url.URL {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestBackupOverTLS has QEMU serve a backup to whoever has a certificate.
func TestBackupOverTLS(t *testing.T) {
	t.Parallel()
	h := Start(t)
	h.TLS()
	d := h.Domain(Spec{Disks: []Disk{{Target: "vda", Content: bytes.Repeat([]byte("certified"), 1<<16)}}})
	port := itoa(freePort(t))
	job := filepath.Join(h.Dir, "backup.xml")
	xml := `<domainbackup mode="pull"><server transport="tcp" tls="yes" name="localhost" port="` + port + `"/></domainbackup>`
	if err := os.WriteFile(job, []byte(xml), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Virsh("backup-begin", job)
	uri := "nbds://localhost:" + port + "/vda?tls-certificates="
	copied := filepath.Join(t.TempDir(), "vda")
	if _, err := output("nbdcopy", uri+h.PKI(), copied); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(copied); !bytes.Equal(got, d.Content("vda")) {
		t.Errorf("the backup is not what the disk holds: %v", err)
	}
	if out, err := output("nbdinfo", "--size", uri+t.TempDir()); err == nil {
		t.Errorf("without a certificate, somebody is told %s", out)
	}
	d.Virsh("domjobabort")
}
