package libvirt

import (
	"context"
	"fmt"

	xml "libvirt.org/go/libvirtxml"

	"vbfs/hyper/libvirt"
	"vbfs/hyper/qemu"
)

// key gives the secret that opens a disk's image, nil if it needs none, and the image's format where that is another than the disk's:
// what libvirt calls raw and encrypted is LUKS to QEMU (libvirt, docs/formatstorageencryption).
func (r *rest) key(ctx context.Context, d libvirt.Disk) (format string, secret []byte, err error) {
	text, err := r.dom.XML(ctx, true)
	if err != nil {
		return "", nil, err
	}
	e, err := encryption(text, d.Target)
	if err != nil || e == nil || len(e.Secrets) == 0 {
		return "", nil, err
	}
	if d.Format == qemu.Raw {
		format = qemu.LUKS
	}
	if secret, err = r.m.conn.Secret(ctx, e.Secrets[0].UUID, e.Secrets[0].Usage); err != nil {
		return "", nil, fmt.Errorf("encrypted, and libvirt does not tell the secret (start the domain to capture it): %w", err)
	}
	return format, secret, nil
}

// encryption is how a disk's image is encrypted, nil if it is not. It stands in one of two places: libvirt, docs/formatdomain.
func encryption(text, target string) (*xml.DomainDiskEncryption, error) {
	var def xml.Domain
	if err := def.Unmarshal(text); err != nil {
		return nil, err
	}
	for _, d := range def.Devices.Disks {
		if d.Target == nil || d.Target.Dev != target {
			continue
		}
		if d.Source != nil && d.Source.Encryption != nil {
			return d.Source.Encryption, nil
		}
		return d.Encryption, nil
	}
	return nil, nil
}
