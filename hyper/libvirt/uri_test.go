package libvirt

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ uri, transport, driver, public, socket, err string }{
		{"", "unix", "qemu:///system", "qemu:///system", "/run/libvirt/libvirt-sock", ""},
		{"qemu:///system?socket=/a/b", "unix", "qemu:///system", "qemu:///system?socket=/a/b", "/a/b", ""},
		{"qemu+unix:///system", "unix", "qemu:///system", "qemu+unix:///system", "/run/libvirt/libvirt-sock", ""},
		{"qemu+ssh://root:pw@h:22/system", "ssh", "qemu:///system", "qemu+ssh://root@h:22/system", "/run/libvirt/libvirt-sock", ""},
		{"qemu+tls://h/system?pkipath=/x", "tls", "qemu:///system", "qemu+tls://h/system?pkipath=/x", "/run/libvirt/libvirt-sock", ""},
		{"qemu://h/system", "tls", "qemu:///system", "qemu://h/system", "/run/libvirt/libvirt-sock", ""},
		{"qemu+tcp://h/system", "", "", "", "", "transport tcp is not supported"},
		{"xen:///system", "", "", "", "", "only qemu"},
		{"qemu+ssh:///system", "", "", "", "", "no host"},
	} {
		a, err := parse(c.uri)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, not %s", c.uri, err, c.err)
			}
			continue
		}
		if err != nil || a.transport != c.transport || a.driver() != c.driver || a.public() != c.public || a.sockets()[0] != c.socket {
			t.Errorf("%s: %s %s %s %s %v", c.uri, a.transport, a.driver(), a.public(), a.sockets()[0], err)
		}
	}
}

// listen is a daemon that does with its first connection what it is told to.
func listen(t *testing.T, serve func(net.Conn)) (uri string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		serve(conn)
	}()
	return "qemu:///system?socket=" + path
}

// What a daemon says of a packet's length is not allocated unseen, and one that says nothing is given up.
func TestBadDaemons(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(net.Conn){
		"huge":   func(c net.Conn) { c.Write(binary.BigEndian.AppendUint32(nil, 0xfffffff0)); io.Copy(io.Discard, c) },
		"tiny":   func(c net.Conn) { c.Write(binary.BigEndian.AppendUint32(nil, 4)); io.Copy(io.Discard, c) },
		"goes":   func(c net.Conn) {},
		"silent": func(c net.Conn) { io.Copy(io.Discard, c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := Dial(ctx, listen(t, serve))
			if err == nil || (name == "silent") != errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		})
	}
}

func TestNoDaemon(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	if _, err := Dial(t.Context(), "qemu:///system?socket="+path); !errors.Is(err, ErrNoSocket) {
		t.Errorf("no socket: %v", err)
	}
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), "qemu:///system?socket="+path); !errors.Is(err, ErrNoSocket) {
		t.Errorf("nobody listens: %v", err)
	}
}
