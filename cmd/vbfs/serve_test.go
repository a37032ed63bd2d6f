package main

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"vbfs/cmd/internal/clitest"
)

// serve starts a server and gives the URIs that it prints, once there are so many.
func serve(t *testing.T, l *clitest.Lab, n int, args ...string) (p *clitest.Process, uris []string) {
	t.Helper()
	p = l.Start("vbfs", append([]string{"serve"}, args...)...)
	clitest.Until(t, "URIs", func() bool {
		uris = strings.Fields(p.Out())
		return len(uris) >= n
	})
	return p, uris
}

// Foreign clients find each point as it was, by the printed URI, by its time and by any other selector.
func TestServe(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	first, _ := twoPoints(t, l)
	if err := os.WriteFile(l.Path("first.raw"), first, 0o600); err != nil {
		t.Fatal(err)
	}
	p, uris := serve(t, l, 1, "--socket", "s")
	l.Tool("qemu-img", "compare", "-f", "raw", "-F", "raw", "web01.raw", uris[0])
	points := l.Points()
	for _, name := range []string{points[0]["name"].(string) + ":disk0", points[0]["id"].(string)[:8]} {
		uri := "nbd+unix:///web01@" + name + "?socket=" + l.Path("s")
		l.Tool("qemu-img", "compare", "-f", "raw", "-F", "raw", "first.raw", uri)
	}
	list := l.Tool("nbdinfo", "--list", "nbd+unix:///?socket="+l.Path("s"))
	for _, name := range []string{"web01@latest:disk0", "web01@" + points[1]["name"].(string) + ":disk0"} {
		if !strings.Contains(list, name) {
			t.Errorf("the list lacks %s: %s", name, list)
		}
	}
	for _, name := range []string{"", "web02", "web01@latest:vdz"} {
		if r := l.Try("nbdinfo", "nbd+unix:///"+name+"?socket="+l.Path("s")); r == nil {
			t.Errorf("there is an export %q", name)
		}
	}
	if r := p.End(syscall.SIGTERM); r.Code != 0 {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	if _, err := os.Lstat(l.Path("s")); err == nil {
		t.Error("the socket is left")
	}
}

// The socket of a dead server is taken over, of a living one never, and nothing else is removed.
func TestSocketInTheWay(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1))
	first, _ := serve(t, l, 1, "--socket", "s")
	if r := l.Run("vbfs", "serve", "--socket", "s"); r.Code != 1 || !strings.Contains(r.Err, "a server is at work") {
		t.Errorf("a living server: exit code %d: %s", r.Code, r.Err)
	}
	first.End(syscall.SIGKILL)
	second, uris := serve(t, l, 1, "--socket", "s")
	l.Tool("nbdinfo", uris[0])
	second.End(syscall.SIGINT)
	if r := l.Run("vbfs", "serve", "--socket", "web01.raw"); r.Code != 1 || !strings.Contains(r.Err, "no socket") {
		t.Errorf("a file: exit code %d: %s", r.Code, r.Err)
	}
	if r := l.Run("vbfs", "serve", "--socket", strings.Repeat("x", 120)); r.Code != 2 || !strings.Contains(r.Err, "107") {
		t.Errorf("a long path: exit code %d: %s", r.Code, r.Err)
	}
}

// The network is served with TLS or on the user's word alone.
func TestNetwork(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1))
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		if r := l.Run("vbfs", "serve", "--listen", address); r.Code != 2 || !strings.Contains(r.Err, "--insecure") {
			t.Errorf("%s: exit code %d: %s", address, r.Code, r.Err)
		}
	}
	p, uris := serve(t, l, 1, "--listen", "127.0.0.1:0")
	l.Tool("nbdinfo", uris[0])
	p.End(syscall.SIGTERM)
	p, _ = serve(t, l, 1, "--listen", "0.0.0.0:0", "--insecure")
	if r := p.End(syscall.SIGTERM); r.Code != 0 || !strings.Contains(r.Err, "warning: ") {
		t.Errorf("--insecure: exit code %d: %s", r.Code, r.Err)
	}
	for _, args := range [][]string{{"--tls-cert", "x"}, {"--tls-ca", "x"}, {"--listen", "nonsense"}} {
		if r := l.Run("vbfs", append([]string{"serve"}, args...)...); r.Code != 2 {
			t.Errorf("%q: exit code %d: %s", args, r.Code, r.Err)
		}
	}
}

// With certificates TCP speaks TLS alone, and clients have to show theirs.
func TestTLS(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1))
	certificates(l)
	p, uris := serve(t, l, 1, "--listen", "127.0.0.1:0", "--tls-cert", "pki/server-cert.pem", "--tls-key",
		"pki/server-key.pem", "--tls-ca", "pki/ca-cert.pem")
	if !strings.HasPrefix(uris[0], "nbds://") {
		t.Fatalf("URI %s", uris[0])
	}
	l.Tool("nbdinfo", uris[0]+"?tls-certificates="+l.Path("pki"))
	if l.Try("nbdinfo", "nbd"+strings.TrimPrefix(uris[0], "nbds")) == nil {
		t.Error("it serves without TLS")
	}
	p.End(syscall.SIGTERM)
}

// certificates makes an authority, and a certificate that serves both sides, with openssl in the folder pki.
func certificates(l *clitest.Lab) {
	l.T.Helper()
	l.Tool("mkdir", "pki")
	l.Tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-subj", "/CN=authority", "-keyout", "pki/ca-key.pem", "-out", "pki/ca-cert.pem")
	for _, side := range []string{"server", "client"} {
		l.Tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
			"-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "basicConstraints=CA:FALSE",
			"-CA", "pki/ca-cert.pem", "-CAkey", "pki/ca-key.pem",
			"-keyout", "pki/"+side+"-key.pem", "-out", "pki/"+side+"-cert.pem")
	}
}

// A socket that is passed the way systemd does is served. libnbd can start a server so.
func TestActivation(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	l.OK("vbackup", "backup", l.Disk("web01.raw", 1))
	out := l.Tool("nbdinfo", "--", "[", clitest.Program("vbfs"), "serve", "-q", "-r", l.Repo, "]")
	if !strings.Contains(out, "export-size: 1049088") {
		t.Errorf("nbdinfo says %s", out)
	}
}

// A point that is made meanwhile is the latest for who asks next.
func TestNewPoint(t *testing.T) {
	t.Parallel()
	l := clitest.NewPlain(t)
	disk := l.Disk("web01.raw", 1)
	l.OK("vbackup", "backup", disk)
	_, uris := serve(t, l, 1, "--socket", "s")
	l.Write(disk, 1000, 1000, 8)
	l.OK("vbackup", "backup", disk)
	l.Tool("qemu-img", "compare", "-f", "raw", "-F", "raw", "web01.raw", uris[0])
}

func TestURI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a      net.Addr
		secure bool
		want   string
	}{
		{&net.UnixAddr{Name: "/run/a b&c.sock", Net: "unix"}, false, "nbd+unix:///m@latest:d%20%3F?socket=/run/a%20b%26c.sock"},
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 10809}, true, "nbds://127.0.0.1:10809/m@latest:d%20%3F"},
	} {
		if got := uri(c.a, c.secure, "m@latest:d ?"); got != c.want {
			t.Errorf("got %s, not %s", got, c.want)
		}
	}
}
