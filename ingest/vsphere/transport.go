package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vbfs/hyper/vsphere"
)

// choose finds the transport to try first: the one that was asked for, else VMware's library where there is one.
func (t *taking) choose(ctx context.Context) (string, error) {
	switch t.o.Transport {
	case "":
		_, err := vsphere.FindVDDK(ctx, t.o.VDDK)
		if errors.Is(err, vsphere.ErrNoNBDKit) || errors.Is(err, vsphere.ErrNoVDDK) {
			return HTTPS, nil
		}
		return VDDK, err
	case VDDK:
		_, err := vsphere.FindVDDK(ctx, t.o.VDDK)
		return VDDK, err
	}
	if !slices.Contains(Transports, t.o.Transport) {
		return "", fmt.Errorf("%w: there is no transport %q", ErrTransport, t.o.Transport)
	}
	return t.o.Transport, nil
}

// transports are those to try, in order.
func (t *taking) transports() []string {
	if t.o.Transport != "" {
		return []string{t.transport}
	}
	return Transports[slices.Index(Transports, t.transport):]
}
