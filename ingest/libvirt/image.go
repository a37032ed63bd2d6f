package libvirt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"vbfs/hyper/libvirt"
	"vbfs/hyper/qemu"
	"vbfs/ingest"
	"vbfs/ingest/nbd"
)

// disk says how a disk of a domain at rest is captured: through a server of our own, which reads its image alone.
func (r *rest) disk(ctx context.Context, p planned) ingest.Disk {
	d := ingest.Disk{
		Name: p.Target, Bus: p.Bus, Format: p.Format, Logical: p.Logical, Physical: p.Physical,
		Origin: p.origin, Skip: p.skip, Fallback: p.fallback,
	}
	if p.skip != "" {
		return d
	}
	a, err := r.image(ctx, p.Disk)
	if err != nil {
		d.Open = func(context.Context, bool) (ingest.Source, error) { return nil, err }
		return d
	}
	if p.since != "" {
		if d.Fallback = untold(a.info, p.since); d.Fallback == "" {
			a.bitmap, d.Changes = p.since, true
		}
	}
	d.Open, d.After = a.open, a.after
	return d
}

// untold says why an image's bitmap does not tell all that was written since it was begun, or nothing. libvirt has every checkpoint's
// bitmap go on when another checkpoint is made, whosoever's it is (libvirt, docs/kbase/internals/incremental-backup; its first
// releases did not), and QEMU's tools have it go on when they write to an image at rest: one that is enabled has missed nothing. One that is not
// has, and whether the later ones together know all of it nobody can tell: those of checkpoints that were removed are gone.
func untold(info qemu.Info, name string) string {
	if len(info.Snapshots) > 0 {
		return fmt.Sprintf("the image has snapshots inside (%q), going back to which no bitmap of changes would tell", info.Snapshots)
	}
	for _, b := range info.Bitmaps {
		switch {
		case b.Name != name:
		case b.InUse:
			return fmt.Sprintf("bitmap %s is marked as in use: QEMU was killed, or the image was copied while it ran, so that it misses changes", name)
		case !b.Auto:
			return fmt.Sprintf("bitmap %s is disabled, so that it misses changes", name)
		default:
			return ""
		}
	}
	return fmt.Sprintf("the image has no bitmap %s", name)
}

// An atRest is the image of a disk of a domain at rest.
type atRest struct {
	info   qemu.Info
	secret []byte
	bitmap string // that tells changes; "" if nothing does
	was    os.FileInfo
}

// image looks at the image that a disk lies in, which is locked.
func (r *rest) image(ctx context.Context, d libvirt.Disk) (*atRest, error) {
	if err := r.busy[d.Target]; err != nil {
		return nil, err
	}
	path, err := r.path(ctx, d)
	if err != nil {
		return nil, err
	}
	if path != r.paths[d.Target] {
		return nil, errors.New("the domain was changed just now: it had another image before")
	}
	a := &atRest{}
	if a.was, err = os.Stat(path); err != nil {
		return nil, err
	}
	format, secret, err := r.key(ctx, d)
	if err != nil {
		return nil, err
	}
	a.secret = secret
	if a.info, err = qemu.Inspect(ctx, qemu.Image{Path: path, Format: cmp.Or(format, d.Format, qemu.Raw)}); err != nil {
		return nil, err
	}
	switch {
	case a.info.Encryption == "" || a.info.Encryption == qemu.LUKS && secret != nil:
		return a, nil
	case a.info.Encryption == qemu.LUKS:
		return nil, errors.New("encrypted, and the domain's description names no secret that opens it: start the domain to capture it")
	}
	return nil, fmt.Errorf("encrypted in a way (%s) that QEMU gave up: convert it to LUKS", a.info.Encryption)
}

// open serves the image, after a look at all that QEMU will open for it: it reads zeros where a file is cut off.
func (a *atRest) open(ctx context.Context, changes bool) (ingest.Source, error) {
	chain, err := qemu.Chain(ctx, a.info.Image)
	if err != nil {
		return nil, err
	}
	for i, info := range chain {
		secret := a.secret
		if i > 0 {
			secret = nil
		}
		if err := qemu.CheckSecret(ctx, info, secret); err != nil {
			return nil, err
		}
	}
	var bitmaps []string
	if changes {
		bitmaps = []string{a.bitmap}
	}
	server, err := qemu.Serve(ctx, a.info.Image, qemu.ServeOptions{Bitmaps: bitmaps, Secret: a.secret})
	if err != nil {
		return nil, err
	}
	src, err := nbd.Open(ctx, server.URI(), nbd.Options{Bitmaps: bitmaps})
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return &served{src, server}, nil
}

// after tells of what writes to images without asking for QEMU's locks.
func (a *atRest) after() string {
	now, err := os.Stat(a.info.Path)
	switch {
	case err != nil:
		return err.Error()
	case !os.SameFile(a.was, now), a.was.Mode().IsRegular() && (now.Size() != a.was.Size() || !now.ModTime().Equal(a.was.ModTime())):
		return "its image was written to while it was read"
	}
	return ""
}

// A served source has a server of its own.
type served struct {
	*nbd.Source
	server *qemu.Server
}

// Close ends both. That the server had ended before is an error.
func (s *served) Close() error { return errors.Join(s.Source.Close(), s.server.Close()) }
