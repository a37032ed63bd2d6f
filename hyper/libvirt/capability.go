package libvirt

import (
	"context"
	"fmt"
	"slices"

	rpc "github.com/digitalocean/go-libvirt"
	xml "libvirt.org/go/libvirtxml"
)

// KVM tells whether machines of that architecture, as x86_64, run on the host's own processors: libvirt, docs/formatcaps,
// "Guest capabilities".
func (c *Conn) KVM(ctx context.Context, arch string) (bool, error) {
	text, err := ask(ctx, c, func(l *rpc.Libvirt) (string, error) { return l.ConnectGetCapabilities() })
	var caps xml.Caps
	if err == nil {
		err = caps.Unmarshal(text)
	}
	if err != nil {
		return false, fmt.Errorf("capabilities of the host: %w", err)
	}
	for _, g := range caps.Guests {
		if g.Arch.Name == arch && slices.ContainsFunc(g.Arch.Domains, func(d xml.CapsGuestDomain) bool { return d.Type == "kvm" }) {
			return true, nil
		}
	}
	return false, nil
}
