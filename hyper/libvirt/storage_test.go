package libvirt

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"vbfs/testdata/lab"
)

// TestDownload reads files of a pool's directory, whatever they are.
func TestDownload(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	h.Virsh("pool-create-as", "images", "dir", "--target", filepath.Join(h.Dir, "images"))
	want := make([]byte, 5<<20+123)
	rand.NewChaCha8([32]byte{1}).Read(want)
	path, outside := filepath.Join(h.Dir, "images", "vars.fd"), filepath.Join(h.Dir, "vars.fd")
	for _, p := range []string{path, outside} {
		if err := os.WriteFile(p, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.Virsh("pool-refresh", "images")
	c, err := Dial(t.Context(), h.URI())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if b, err := c.Download(t.Context(), path, 8<<20); err != nil || !bytes.Equal(b, want) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := c.Download(t.Context(), path, 5<<20); !errors.Is(err, ErrTooLong) {
		t.Errorf("more than wanted: %v", err)
	}
	if _, err := c.Download(t.Context(), outside, 8<<20); err == nil {
		t.Error("what lies in no pool can be had")
	}
	if d, err := c.Domains(t.Context()); err != nil || d != nil {
		t.Errorf("the connection after that: %v, %v", d, err)
	}
}
