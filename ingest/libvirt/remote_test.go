//go:build cgo && !nolibnbd

package libvirt

import (
	"errors"
	"os"
	"strings"
	"testing"

	"vbfs/hyper/libvirt"
	"vbfs/ingest"
	"vbfs/testdata/lab"
)

// A host is captured from afar as it is from near: through SSH, by a tunnel to the job's socket, and by TLS.
func TestRemote(t *testing.T) {
	t.Parallel()
	host := lab.Start(t)
	for name, uri := range map[string]string{"ssh": host.SSH(), "tls": host.TLS()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := benchOn(t, host, lab.Spec{Name: name})
			b.conn = dial(t, uri)
			if !b.conn.Remote() {
				t.Fatal("not remote")
			}
			b.dom.Write("vda", 1, 0, 3*mib)
			b.dom.Write("vdb", 2, 0, 1*mib)
			b.take("auto")
			b.dom.Write("vda", 3, 64*kib, 64*kib)
			b.meddle = func(*ingest.Shot) { b.dom.Write("vda", 4, 0, 1*mib) }
			if d := disk(t, b.take("auto"), "vda"); d.Fallback != "" || d.Read != 64*kib {
				t.Errorf("%+v", d)
			}
			b.meddle = nil
			b.die(1)
			m := b.take("auto")
			if d := disk(t, m, "vda"); d.Fallback != "" || d.Read != 1*mib {
				t.Errorf("after a killed run: %+v", d)
			}
			b.midway = func() { b.host.KillQEMU(b.dom.Name) }
			b.dom.Write("vda", 5, 0, 1*mib)
			if m, err := b.run("auto"); m != nil || !errors.Is(err, ErrEnded) {
				t.Errorf("%+v %v", m, err)
			}
		})
	}
}

// Who is not let in is told why.
func TestRemoteRefusals(t *testing.T) {
	t.Parallel()
	host := lab.Start(t)
	ssh := host.SSH()
	nobody := t.TempDir() + "/known_hosts"
	must(t, os.WriteFile(nobody, nil, 0o600))
	stranger, _, _ := strings.Cut(ssh, "&known_hosts=")
	tls, other := host.TLS(), t.TempDir()
	for _, name := range []string{"clientcert.pem", "clientkey.pem"} {
		must(t, os.Symlink(host.PKI()+"/"+name, other+"/"+name))
	}
	must(t, os.Symlink(host.PKI()+"/clientcert.pem", other+"/cacert.pem"))
	for uri, want := range map[string]error{
		stranger + "&known_hosts=" + nobody + "&socket=" + host.Socket(): libvirt.ErrHostKey,
		strings.Replace(tls, "pkipath=", "pkipath=/nowhere", 1):          libvirt.ErrCertificate,
		strings.Replace(tls, host.PKI(), other, 1):                       libvirt.ErrCertificate,
	} {
		if conn, err := libvirt.Dial(t.Context(), uri); !errors.Is(err, want) {
			t.Errorf("%s: %v %v", uri, conn, err)
		}
	}
}
