package ghettovcb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"vbfs/index/format"
	"vbfs/ingest"
)

// Tags that points of imports have.
const (
	tagFrom   = "imported-from=ghettovcb"
	tagFolder = "ghettovcb-folder="
	tagStatus = "ghettovcb-status="
	tagID     = "ghettovcb-id="
)

// Tags say where the point comes from, and which one it is.
func (p *Point) Tags() []string {
	return []string{tagFrom, tagFolder + p.tree.path(p.rel), tagStatus + p.status.word, tagID + p.id}
}

// In finds the point in a machine's history: the newest complete one that has its ID, else the newest.
func (p *Point) In(points []*format.Manifest) *format.Manifest {
	return ingest.Tagged(points, tagID+p.id)
}

// identify makes a name that the same backup has wherever it lies, and whatever index a rotation gave it since: of its stamp,
// status, configuration and descriptors, which have new content IDs each time, and the sizes of all files. One that was not
// whole when it was imported is another one when it is.
func (p *Point) identify(name folderName) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%d\x00", p.status.word, name.machine, name.at.Unix())
	if p.archive != nil {
		h.Write(p.archive.mark)
		return hex.EncodeToString(h.Sum(nil)[:16])
	}
	if name.at.IsZero() {
		fmt.Fprintf(h, "%d\x00", p.Time.Unix())
	}
	for _, file := range slices.Sorted(maps.Keys(p.listed.entries)) {
		e := p.listed.entries[file]
		if !wanted(file) {
			continue
		}
		fmt.Fprintf(h, "%s\x00%d\x00", file, e.size)
		if e.size > maxMark {
			continue
		}
		if b, err := p.listed.small(file, maxMark); err == nil {
			h.Write(b)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// maxMark bounds the files that are part of the identity with what they hold, in bytes: configuration and descriptors.
const maxMark = 32 << 10

// Still tells whether disks that failed when the point was captured would fail again: it reads all that they are made
// of. The error says why; nil is that one of them would not.
func (p *Point) Still(ctx context.Context, m *format.Manifest) error {
	failed := func(name string) bool {
		d, ok := m.Disk(name)
		return ok && d.State == format.DiskFailed
	}
	return p.visit(ctx, func(f *folder, disks []disk) error {
		var why error
		for _, d := range disks {
			if !failed(d.name) {
				continue
			}
			if d.err == nil && d.skip == "" {
				d.err = f.sound(ctx, d.file, true)
			}
			if d.err == nil {
				return nil
			}
			why = errors.Join(why, fmt.Errorf("disk %s: %w", d.name, d.err))
		}
		return why
	})
}

// Look checks all that the point is made of but the data, and says what is wrong with it. Of an archive it looks at the
// beginning alone.
func (p *Point) Look(ctx context.Context) error {
	if p.archive != nil {
		return p.archive.err
	}
	return p.visit(ctx, func(f *folder, disks []disk) (all error) {
		for _, d := range disks {
			if d.err == nil && d.skip == "" {
				d.err = f.sound(ctx, d.file, false)
			}
			if d.err != nil {
				all = errors.Join(all, fmt.Errorf("disk %s: %w", d.name, d.err))
			}
		}
		return all
	})
}

// visit gives the point's disks to a function.
func (p *Point) visit(ctx context.Context, do func(*folder, []disk) error) error {
	f, err := p.files(ctx)
	if err != nil {
		return err
	}
	defer f.close()
	v, err := f.config()
	if err != nil {
		return fmt.Errorf("%s: %w", p.rel, err)
	}
	return do(f, p.disks(f, v))
}

// sound tells whether a disk can be opened, and read to its end.
func (f *folder) sound(ctx context.Context, name string, read bool) error {
	src, err := f.openDisk(ctx, name)
	if err != nil {
		return err
	}
	defer src.Close()
	buf := make([]byte, 1<<20)
	for e, err := range src.Extents(ctx) {
		if err != nil {
			return err
		}
		for off := e.Off; read && !e.Zero && off < e.Off+e.Len; off += int64(len(buf)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := src.ReadAt(buf[:min(int64(len(buf)), e.Off+e.Len-off)], off); err != nil {
				return err
			}
		}
	}
	return nil
}

// files gives the point's files, unpacked if need be. They are to be closed.
func (p *Point) files(ctx context.Context) (*folder, error) {
	if p.archive == nil {
		return p.listed, nil
	}
	return p.archive.unpack(ctx, p.tree.o.Scratch)
}
