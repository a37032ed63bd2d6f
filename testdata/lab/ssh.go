package lab

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// SSH starts an sshd on loopback, on a host of which nothing is known but by the files that the URI names: a user's key and
// the known hosts.
func (h *Host) SSH() (uri string) {
	h.t.Helper()
	dir := filepath.Join(h.Dir, "ssh")
	h.must(os.Mkdir(dir, 0o700))
	port, key, known := freePort(h.t), filepath.Join(dir, "user"), filepath.Join(dir, "known_hosts")
	for _, name := range []string{"host", "user"} {
		_, err := output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", filepath.Join(dir, name))
		h.must(err)
	}
	public, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	h.must(err)
	h.must(os.WriteFile(known, fmt.Appendf(nil, "[127.0.0.1]:%d %s", port, public), 0o600))
	config := filepath.Join(dir, "config")
	h.must(os.WriteFile(config, []byte(strings.NewReplacer("PORT", fmt.Sprint(port), "DIR", dir).Replace(sshConfig)), 0o600))
	h.Do("mkdir -p /run/sshd; /usr/sbin/sshd -f " + config + " -E " + dir + "/log")
	h.must(answers(fmt.Sprint("127.0.0.1:", port)))
	u := url.URL{Scheme: "qemu+ssh", User: url.User("root"), Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/system"}
	u.RawQuery = "keyfile=" + key + "&known_hosts=" + known + "&socket=" + h.Socket()
	return u.String()
}

const sshConfig = `ListenAddress 127.0.0.1:PORT
HostKey DIR/host
AuthorizedKeysFile DIR/user.pub
PidFile DIR/pid
PermitRootLogin yes
PasswordAuthentication no
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
`

// freePort gives a port of loopback that nobody has; until it is taken, somebody may.
func freePort(t TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// answers waits for a daemon that goes to the background before it listens.
func answers(address string) error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}
