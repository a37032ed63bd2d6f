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

// Programs tells which emulator the host has for machines of that architecture, and which firmware it knows of, by their paths: libvirt,
// docs/formatdomaincaps, "BIOS bootloader". machine is a type that it may not have.
func (c *Conn) Programs(ctx context.Context, arch, machine string) ([]string, error) {
	text, err := ask(ctx, c, func(l *rpc.Libvirt) (string, error) {
		text, err := l.ConnectGetDomainCapabilities(nil, rpc.OptString{arch}, rpc.OptString{machine}, nil, 0)
		if err != nil {
			text, err = l.ConnectGetDomainCapabilities(nil, rpc.OptString{arch}, nil, nil, 0)
		}
		return text, err
	})
	var caps xml.DomainCaps
	if err == nil {
		err = caps.Unmarshal(text)
	}
	if err != nil {
		return nil, fmt.Errorf("capabilities for machines of the host: %w", err)
	}
	all := []string{caps.Path}
	if caps.OS != nil && caps.OS.Loader != nil {
		all = append(all, caps.OS.Loader.Values...)
	}
	return all, nil
}
