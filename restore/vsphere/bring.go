package vsphere

import (
	"context"
	"fmt"

	hyper "vbfs/hyper/vsphere"
	"vbfs/restore"
	"vbfs/restore/machine"
)

// A spot is where a disk is brought to, and what its throw-away machine needs: a pool to be in, a folder, if the pool's owner wants one a
// host, and virtual hardware ("vmx-19") no newer than what the disk is for.
type spot struct {
	pool, folder hyper.Ref
	host         *hyper.Ref
	datastore    hyper.Ref
	store        string // the datastore's name
	format       string // thin, zeroedthick or eagerzeroedthick
	hardware     string
}

// bring imports a disk's image as a stream, into a throw-away machine that has no other disk, takes it from that machine, which goes then,
// and gives the file: "[datastore] folder/name.vmdk", a disk of no machine. Who brought it removes it if it is not wanted in the end.
func (c *carrier) bring(ctx context.Context, at spot, d machine.Disk) (file string, err error) {
	return "", fmt.Errorf("disk %s: %w: without VMware's library", d.Record.Name, restore.ErrUnsupported)
}
