package vmdk

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// Meta is what a descriptor says besides the disk's size and files.
type Meta struct {
	// Name of the descriptor's file; files of data are named after it.
	Name string

	// ContentID changes when the disk is written to; deltas name the last four bytes of the one that they count from. Zeros: a
	// new one, so that no delta of another disk is taken for one of this.
	ContentID [16]byte

	// Base is the disk data base, without what the writer knows: nil is that of a SCSI disk.
	Base Base
}

func (m Meta) withDefaults(size int64) (Meta, error) {
	if err := m.check(); err != nil {
		return m, err
	}
	for m.ContentID == [16]byte{} || reserved(m.ContentID) {
		if _, err := rand.Read(m.ContentID[:]); err != nil {
			return m, err
		}
	}
	m.Base = m.Base.complete(size)
	return m, nil
}

// maxName bounds a name, in bytes: what is put behind it fits into a file's name.
const maxName = 240

// check holds that a descriptor can name the file, which lies beside it.
func (m Meta) check() error {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`"/\`, r) }
	if m.Name == "" || m.Name == "." || m.Name == ".." || len(m.Name) > maxName || strings.ContainsFunc(m.Name, bad) {
		return fmt.Errorf("%w: %q", ErrName, m.Name)
	}
	return nil
}

// reserved content IDs mean that there is none, or no parent.
func reserved(id [16]byte) bool {
	short := hex.EncodeToString(id[12:])
	return short == "ffffffff" || short == "fffffffe" || short == "00000000"
}

// An extent is a line of a descriptor: one file.
type extent struct {
	sectors int64
	kind    string // SPARSE, VMFS
	file    string
}

// text is a descriptor, "The Descriptor File".
func (m Meta) text(createType string, extents []extent) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=%x\nparentCID=ffffffff\ncreateType=\"%s\"\n\n# Extent description\n",
		m.ContentID[12:], createType)
	for _, e := range extents {
		fmt.Fprintf(&b, "RW %d %s \"%s\"\n", e.sectors, e.kind, e.file)
	}
	fmt.Fprintf(&b, "\n# The Disk Data Base\n#DDB\n\nddb.longContentID = \"%x\"\n", m.ContentID)
	for _, e := range m.Base {
		fmt.Fprintf(&b, "ddb.%s = \"%s\"\n", e.Key, e.Value)
	}
	return []byte(b.String())
}
