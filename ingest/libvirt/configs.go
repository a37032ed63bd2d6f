package libvirt

import (
	"context"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
)

// configs gives the domain's configuration as it is recorded in a point, and warnings of what could not be had.
func configs(ctx context.Context, conn *libvirt.Conn, dom *libvirt.Domain) (files []format.ConfigFile, warnings []string, err error) {
	return nil, nil, nil
}
