package ghettovcb

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
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

// noParent is the content ID that says that there is none.
const noParent = "ffffffff"

var uuid = regexp.MustCompile(`^[0-9a-f]{32}$`)

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
