package ghettovcb

import (
	"context"
	"fmt"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"

	"vbfs/index/format"
)

// An extent is one line of a descriptor.
type extent struct {
	sectors int64
	kind    string
	file    string // "" of zeros
}

// Kinds of extents.
const (
	kindFlat  = "FLAT"
	kindVMFS  = "VMFS"       // flat, of ESX
	kindZero  = "ZERO"       // no file
	kindHost  = "SPARSE"     // 2gbsparse, monolithicSparse, streamOptimized
	kindCOWD  = "VMFSSPARSE" // a delta of ESX
	kindLarge = "SESPARSE"   // a delta of VMFS 6
)

var (
	extentLine = regexp.MustCompile(`^(RW|RDONLY|NOACCESS)\s+(\d+)\s+(\w+)(?:\s+"([^"]*)"(?:\s+(\d+))?)?$`)
	accessWord = regexp.MustCompile(`^(RW|RDONLY|NOACCESS)\s`)
)

func (d *descriptor) addExtent(line string) error {
	m := extentLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("%w: extent %q is not understood", ErrRefused, line)
	}
	if len(d.extents) == maxExtents {
		return fmt.Errorf("%w: it has more than %d extents", ErrRefused, maxExtents)
	}
	sectors, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil || sectors == 0 || sectors > (format.MaxDisk-d.size)/sector {
		return fmt.Errorf("%w: extent %q has a size that cannot be", ErrRefused, line)
	}
	e := extent{sectors: sectors, kind: m[3], file: m[4]}
	switch {
	case m[1] == "NOACCESS":
		return fmt.Errorf("%w: extent %q is without access", ErrKind, line)
	case e.kind == kindZero && e.file == "":
	case !e.flat() && !e.sparse():
		return fmt.Errorf("%w: extent %q", ErrKind, line)
	case m[5] != "" && m[5] != "0":
		return fmt.Errorf("%w: extent %q does not begin where its file does", ErrKind, line)
	default:
		err = local(e.file)
	}
	d.extents, d.size = append(d.extents, e), d.size+sectors*sector
	return err
}

func (e extent) flat() bool   { return e.kind == kindFlat || e.kind == kindVMFS }
func (e extent) sparse() bool { return e.kind == kindHost || e.kind == kindCOWD || e.kind == kindLarge }
func (e extent) delta() bool  { return e.kind == kindCOWD || e.kind == kindLarge }

// local refuses every name but one of a file in the descriptor's own folder: no path, no URL, no other place.
func local(name string) error {
	switch {
	case name == "" || name == "." || name == ".." || len(name) > 255:
		return fmt.Errorf("%w: it names a file %q", ErrRefused, name)
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%w: it names %q, which is not a file of its own folder", ErrRefused, name)
	}
	for _, b := range []byte(name) {
		if b < ' ' || b == 0x7f {
			return fmt.Errorf("%w: it names a file %q", ErrRefused, name)
		}
	}
	return nil
}

// extent opens an extent, and holds that it is what the descriptor says.
func (f *folder) extent(ctx context.Context, dir string, e extent) (*os.File, error) {
	if e.kind == kindZero {
		return nil, nil
	}
	file, err := f.open(path.Join(dir, e.file))
	if err != nil {
		return nil, err
	}
	if e.sparse() {
		return file, checkSparse(ctx, file, e)
	}
	info, err := file.Stat()
	if err != nil {
		return file, err
	}
	switch have, want := info.Size(), e.sectors*sector; {
	case have < want:
		return file, fmt.Errorf("%s: %w: it has %d bytes of %d: it was cut off", e.file, ErrDamaged, have, want)
	case have > want:
		return file, fmt.Errorf("%s: %w: it has %d bytes, and the descriptor knows of %d", e.file, ErrDamaged, have, want)
	}
	return file, nil
}
