package libvirt

import (
	"fmt"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore"
)

// A plain layout is the disk's bytes, with holes.
type plain struct {
	up *hyper.Upload
	at int64 // of the disk: all before it is written
}

func (p *plain) Data(b []byte, off int64) error {
	if err := p.follow(off, int64(len(b))); err != nil {
		return err
	}
	_, err := p.up.Write(b)
	return err
}

func (p *plain) Zero(off, n int64) error {
	if err := p.follow(off, n); err != nil {
		return err
	}
	return p.up.Skip(n)
}

// follow refuses what does not come behind what was written: a stream would put it there.
func (p *plain) follow(off, n int64) error {
	if off != p.at {
		return fmt.Errorf("%w: %d bytes at %d, after %d", restore.ErrImage, n, off, p.at)
	}
	p.at += n
	return nil
}

func (p *plain) End() ([]byte, int64, error) { return nil, p.at, nil }
