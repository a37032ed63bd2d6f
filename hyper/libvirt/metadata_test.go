package libvirt

import (
	"strings"
	"testing"

	"vbfs/testdata/lab"
)

// What virsh keeps with a domain is read, and what we keep there virsh shows, whether the domain runs, is shut off or is transient.
func TestMetadata(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	on := h.Domain(lab.Spec{Name: "on"})
	h.Domain(lab.Spec{Name: "off", Off: true})
	transient := h.Domain(lab.Spec{Name: "transient"})
	transient.Virsh("undefine")
	conn, err := Dial(t.Context(), h.URI())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	const uri, other = "https://example.org/1", "https://example.org/2"
	for name, scopes := range map[string][]string{"on": {"--config", "--live"}, "off": {"--config"}, "transient": {"--live"}} {
		d, err := conn.Domain(t.Context(), name)
		must(t, err)
		if got, err := d.Metadata(t.Context(), uri); got != "" || err != nil {
			t.Errorf("%s has %q, %v", name, got, err)
		}
		h.Virsh("metadata", name, other, "--key", "o", "--set", "<other/>", scopes[0])
		h.Virsh("metadata", name, uri, "--key", "ours", "--set", "<backup a='7D &amp; 4W'/>", scopes[0])
		got, err := d.Metadata(t.Context(), uri)
		if !strings.Contains(got, "7D &amp; 4W") || err != nil {
			t.Errorf("%s has %q, %v", name, got, err)
		}
		must(t, d.SetMetadata(t.Context(), Metadata{uri, "ours", "<backup b='second'/>"}))
		for _, scope := range scopes {
			if got := h.Virsh("metadata", name, uri, scope); !strings.Contains(got, "second") || strings.Contains(got, "7D") {
				t.Errorf("%s %s: %s", name, scope, got)
			}
		}
		if got := h.Virsh("metadata", name, other, scopes[0]); !strings.Contains(got, "<other") {
			t.Errorf("%s lost another one's: %s", name, got)
		}
		long := "<backup>" + strings.Repeat("x", maxMetadata) + "</backup>"
		must(t, d.SetMetadata(t.Context(), Metadata{uri, "ours", long}))
		if got, err := d.Metadata(t.Context(), uri); got != "" || err == nil {
			t.Errorf("%s: %d bytes were taken", name, len(got))
		}
	}
	on.Virsh("metadata", other, "--remove", "--live", "--config")
	d, err := conn.Domain(t.Context(), "on")
	must(t, err)
	if got, err := d.Metadata(t.Context(), other); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	transient.Virsh("destroy")
}
