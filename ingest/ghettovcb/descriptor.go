package ghettovcb

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"vbfs/index/format"
)

// maxDescriptor bounds a descriptor, in bytes; maxExtents what it may name: 62 TiB, the largest disk of VMware, has 31,744
// extents of 2 GiB. QEMU opens them all.
const (
	maxDescriptor = 4 << 20
	maxExtents    = 32 << 10
)

const sector = 512

// A descriptor says what a disk is made of: VMware, Virtual Disk Format 5.0, "The Descriptor File".
type descriptor struct {
	text    []byte
	values  map[string]string // of the header and the disk data base, whose keys have no case
	extents []extent
	size    int64 // of the disk, bytes
}

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

// noParent is the content ID that says that there is none.
const noParent = "ffffffff"

var (
	extentLine = regexp.MustCompile(`^(RW|RDONLY|NOACCESS)\s+(\d+)\s+(\w+)(?:\s+"([^"]*)"(?:\s+(\d+))?)?$`)
	uuid       = regexp.MustCompile(`^[0-9a-f]{32}$`)
	accessWord = regexp.MustCompile(`^(RW|RDONLY|NOACCESS)\s`)
)

// parseDescriptor reads and checks a descriptor: what it names, not whether that is there.
func parseDescriptor(text []byte) (*descriptor, error) {
	if !isDescriptor(text) {
		return nil, fmt.Errorf("%w: it is no descriptor of a VMDK", ErrDamaged)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%w: there is a zero byte in it", ErrRefused)
	}
	d := &descriptor{text: text, values: map[string]string{}}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if accessWord.MatchString(line) {
			if err := d.addExtent(line); err != nil {
				return nil, err
			}
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		d.values[strings.ToLower(strings.TrimSpace(key))] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return d, d.check()
}

var magicText = []byte("# disk descriptorfile")

func isDescriptor(head []byte) bool {
	return len(head) >= len(magicText) && bytes.EqualFold(head[:len(magicText)], magicText)
}

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

// check holds that what is said of the whole can be.
func (d *descriptor) check() error {
	kind := d.values["createtype"]
	switch {
	case strings.Contains(strings.ToLower(kind), "devicemap") || strings.HasSuffix(strings.ToLower(kind), "device"):
		return fmt.Errorf("%w: createType %s stands for a device", ErrKind, kind)
	case d.values["encryptionkeys"] != "":
		return fmt.Errorf("%w: it is encrypted", ErrKind)
	case len(d.extents) == 0:
		return fmt.Errorf("%w: it names no extent", ErrDamaged)
	}
	seen := map[string]bool{}
	delta := false
	for _, e := range d.extents {
		if e.file != "" && seen[e.file] {
			return fmt.Errorf("%w: it names %s twice", ErrRefused, e.file)
		}
		seen[e.file], delta = true, delta || e.delta()
	}
	return d.checkParent(delta)
}

func (d *descriptor) checkParent(delta bool) error {
	hint, id := d.values["parentfilenamehint"], d.parentID()
	switch {
	case hint != "" && id == noParent:
		return fmt.Errorf("%w: it names a parent, %q, and says that it has none", ErrRefused, hint)
	case hint == "" && (id != noParent || delta):
		return fmt.Errorf("%w: it counts from a parent, and does not name it", ErrMissing)
	case hint == "":
		return nil
	}
	return local(hint)
}

// contentID tells what a delta counts from: 8 hexadecimal digits, which change when the disk is written to.
func (d *descriptor) contentID() string { return hexID(d.values["cid"]) }

func (d *descriptor) parentID() string {
	if d.values["parentcid"] == "" {
		return noParent
	}
	return hexID(d.values["parentcid"])
}

// hexID writes a content ID as all others are written; what is none stays what it is.
func hexID(s string) string {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		return s
	}
	return fmt.Sprintf("%08x", n)
}

// uuid is the disk's own, 32 hexadecimal digits, or "".
func (d *descriptor) uuid() string {
	id := strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(d.values["ddb.uuid"]))
	if !uuid.MatchString(id) {
		return ""
	}
	return id
}
