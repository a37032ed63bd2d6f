package ghettovcb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"vbfs/hyper/qemu"
	"vbfs/ingest"
	"vbfs/ingest/file"
)

// A served disk is read by QEMU.
//
//	DIR/0/web01.vmdk     a descriptor of ours -> x/web01-s001.vmdk -> /proc/PID/fd/7, the file that was checked
//	DIR/1/parent.vmdk    what it counts from
type served struct {
	*file.Source
	im  image
	dir string
}

// openServed takes over the image's files, with an error, too.
func openServed(ctx context.Context, im image) (_ *served, err error) {
	s := &served{im: im}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.clean())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "vg"); err != nil {
		return nil, err
	}
	for i := range im {
		if err := s.write(i); err != nil {
			return nil, err
		}
	}
	s.Source, err = file.Open(ctx, s.path(0), file.Options{Format: qemu.VMDK})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", im[0].name, err)
	}
	if got, want := s.Size(), im[0].size; got != want {
		return nil, errors.Join(fmt.Errorf("%s: %w: it is of %d bytes, and opens as %d", im[0].name, ErrDamaged, want, got), s.Source.Close())
	}
	return s, nil
}

// level is the directory of a layer, path its descriptor.
func (s *served) level(i int) string { return filepath.Join(s.dir, strconv.Itoa(i)) }
func (s *served) path(i int) string  { return filepath.Join(s.level(i), path.Base(s.im[i].name)) }

// write writes a layer anew: nothing of what it said is in it but numbers that were checked, and names.
func (s *served) write(i int) error {
	var b strings.Builder
	parent, kind := noParent, "vmfs"
	if i+1 < len(s.im) {
		parent = contentID(i + 1)
		fmt.Fprintf(&b, "parentFileNameHint=\"%s\"\n", s.path(i+1))
	}
	if err := os.MkdirAll(filepath.Join(s.level(i), "x"), 0o700); err != nil {
		return err
	}
	for n, e := range s.im[i].extents {
		kind = e.createType(kind)
		if e.kind == kindZero { // QEMU passes over it, and what comes next takes its place
			return fmt.Errorf("%s: %w: an extent of zeros beside sparse ones", s.im[i].name, ErrKind)
		}
		if err := os.Symlink(procPath(s.im[i].files[n]), filepath.Join(s.level(i), "x", e.file)); err != nil {
			return err
		}
		fmt.Fprintf(&b, "RW %d %s \"x/%s\"", e.sectors, e.kind, e.file)
		if e.kind == kindFlat {
			b.WriteString(" 0")
		}
		b.WriteString("\n")
	}
	head := fmt.Sprintf("# Disk DescriptorFile\nversion=1\nCID=%s\nparentCID=%s\ncreateType=\"%s\"\n", contentID(i), parent, kind)
	return os.WriteFile(s.path(i), []byte(head+b.String()), 0o600)
}

// contentID is that of a layer in our descriptors.
func contentID(i int) string { return fmt.Sprintf("%08x", i+1) }

// createType is one that QEMU takes for a descriptor with such an extent: QEMU, block/vmdk.c, vmdk_open_desc_file.
func (e extent) createType(before string) string {
	switch e.kind {
	case kindHost:
		return "twoGbMaxExtentSparse"
	case kindCOWD:
		return "vmfsSparse"
	case kindLarge:
		return "seSparse"
	}
	return before
}

// Close ends QEMU, and lets go of all files.
func (s *served) Close() error { return errors.Join(s.Source.Close(), s.clean()) }

func (s *served) clean() error { return errors.Join(s.im.close(), os.RemoveAll(s.dir)) }

// changed says how a file was written to since it was opened, or nothing.
func (s *served) changed() string {
	if yes, how := s.Changed(); yes {
		return strings.ReplaceAll(how, s.dir+string(filepath.Separator), "")
	}
	return ""
}

// A source can tell whether it was written to.
type source interface {
	ingest.Source
	changed() string
}

// open opens a disk by the name of its descriptor.
func (f *folder) openDisk(ctx context.Context, name string) (source, error) {
	im, err := f.image(ctx, name)
	if err != nil {
		return nil, errors.Join(err, im.close())
	}
	if im.flat() {
		return openFlat(ctx, im)
	}
	return openServed(ctx, im)
}
