//go:build !cgo || nolibnbd

package file

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestImageWithoutTheLibrary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.qcow2")
	tool(t, "qemu-img", "create", "-q", "-f", "qcow2", path, "1M")
	if _, err := Open(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), "libnbd-dev") {
		t.Errorf("%v", err)
	}
}
