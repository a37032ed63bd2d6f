package vsphere_test

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/vspheretest"
	"vbfs/testdata/vsim"
)

// Who is not known by the authorities or by its thumbprint is not even told a user's name.
func TestLoginTrust(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	good := vspheretest.Server(t, h)
	print := h.Thumbprint()
	for _, c := range []struct {
		name   string
		change func(*vsphere.Server)
		want   error
		says   string
	}{
		{"authority", func(s *vsphere.Server) {}, nil, ""},
		{"url", func(s *vsphere.Server) { s.Host = "https://" + s.Host + "/sdk/" }, nil, ""},
		{"thumbprint", func(s *vsphere.Server) { s.Roots, s.Thumbprint = nil, print }, nil, ""},
		{"thumbprint without colons", func(s *vsphere.Server) {
			s.Roots, s.Thumbprint = nil, strings.ToLower(strings.ReplaceAll(print, ":", ""))
		}, nil, ""},
		{"nobody", func(s *vsphere.Server) { s.Roots = x509.NewCertPool() }, vsphere.ErrCertificate, print},
		{"insecure", func(s *vsphere.Server) { s.Roots, s.Insecure = nil, true }, nil, ""},
		{"other thumbprint", func(s *vsphere.Server) { s.Thumbprint = strings.Repeat("AB:", 19) + "AB" }, vsphere.ErrThumbprint, print},
		{"other thumbprint, insecure", func(s *vsphere.Server) { s.Insecure, s.Thumbprint = true, strings.Repeat("AB:", 31)+"AB" }, vsphere.ErrThumbprint, "shows"},
		{"password", func(s *vsphere.Server) { s.Password = "x" }, vsphere.ErrLogin, h.User()},
		{"nobody there", func(s *vsphere.Server) { s.Host = "127.0.0.1:1" }, vsphere.ErrUnreachable, "127.0.0.1:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := good
			c.change(&s)
			conn, err := vsphere.Login(t.Context(), s)
			if err == nil {
				defer conn.Close()
			}
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v", err)
			}
			if err != nil && (strings.Contains(err.Error(), h.Password()) || strings.Count(err.Error(), "log in to") != 1) {
				t.Errorf("%v", err)
			}
			if err == nil && conn.Thumbprint() != print {
				t.Errorf("seen %s", conn.Thumbprint())
			}
		})
	}
	for _, s := range []string{"", "a b", "x/y", "http://vcenter", "user@host"} {
		good.Host = s
		if _, err := vsphere.Login(t.Context(), good); err == nil {
			t.Errorf("server %q", s)
		}
	}
	if n := h.Sessions(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// A session that ends in the middle is begun again, once, also by many at once; one whose password has changed is told of.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	h := vsim.Start(t, vsim.Options{})
	m := h.Add(vsim.Spec{Disks: []vsim.Disk{{Size: 1 << 20}}})
	c := vspheretest.Login(t, h)
	for range 3 {
		h.ExpireSessions()
		errs := make(chan error)
		for range 8 {
			go func() {
				_, err := c.Machine(context.Background(), m.Ref())
				errs <- err
			}()
		}
		for range 8 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if n := h.Sessions(); n != 1 {
			t.Errorf("%d sessions", n)
		}
	}
	h.Trouble(vsim.Trouble{Path: "/sdk", Status: 503, Times: 2})
	if _, err := c.Machine(t.Context(), m.Ref()); err != nil {
		t.Errorf("after two answers of 503: %v", err)
	}
	h.Trouble(vsim.Trouble{Path: "/sdk", Cut: true, After: 100, Times: 1})
	if _, err := c.Machine(t.Context(), m.Ref()); err != nil {
		t.Errorf("after a cut answer: %v", err)
	}
	h.Trouble(vsim.Trouble{Path: "/sdk", Delay: 300 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Machine(ctx, m.Ref()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	h.NoTrouble()
}

// Who is interrupted does not know whether there is a library.
func TestFindVDDKInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := vsphere.FindVDDK(ctx, vsphere.VDDKOptions{}); errors.Is(err, vsphere.ErrNoNBDKit) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
