//go:build !cgo || nolibnbd

package libnbd

import (
	"errors"
	"strings"
	"testing"
)

func TestTwinSaysWhatIsMissing(t *testing.T) {
	h, err := Create()
	var e *LibnbdError
	if h != nil || !errors.As(err, &e) {
		t.Fatalf("Create: %v, %v", h, err)
	}
	for _, word := range []string{"no libnbd", "libnbd-dev", "CGO_ENABLED=1", "nolibnbd"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %q", err, word)
		}
	}
}
