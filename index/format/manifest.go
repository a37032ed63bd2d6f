package format

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vbfs/index/block"
)

// States of a disk in a point.
const (
	DiskOK      = "ok"
	DiskFailed  = "failed"
	DiskSkipped = "skipped" // left out on purpose: the point is complete without it
	DiskCarried = "carried" // as it was in the point From
)

// A Manifest is a point: one machine at one instant. It is the only thing that makes a point exist.
type Manifest struct {
	Point       UUID
	Machine     UUID
	MachineName string
	Name        string // of the point: the instant of capture, as 2026-11-20T20-03-27Z
	Sequence    uint64 // counts the machine's points from 1
	Predecessor UUID   // the point that the writer saw as the machine's last
	Time        time.Time
	Start, End  time.Time // of the capture
	Host        string    // of the writer
	Asked, Done string    // levels: auto, full, inc, diff, copy
	Consistency string    // reached: application, filesystem, crash, none
	OriginRepo  UUID      // of a copy
	OriginPoint UUID
	Tags        []string // K=V
	Hypervisor  []string // KIND=ID and versions
	Tool        string   // program and version that wrote it
	Warnings    []string
	Configs     []ConfigFile
	Disks       []Disk
	Anomaly     string // why the point is out of the machine's ordinary, for people; "" is ordinary
	Extra       []Extra
}

// A ConfigFile is one recorded configuration file of the machine.
type ConfigFile struct {
	Kind  string // libvirt-domain, vmx, nvram, …
	Name  string // of the file under config/
	Data  []byte
	Extra []Extra
}

func (c *ConfigFile) fields() []field {
	return []field{text(1, &c.Kind), text(2, &c.Name), blob(3, &c.Data)}
}
func (c *ConfigFile) extras() *[]Extra { return &c.Extra }

// A Disk is one virtual disk in a point.
type Disk struct {
	ID       string // stable: the hypervisor's, else the name
	Name     string // as the guest's host names it: vda, scsi0-1
	Bus      string
	Size     int64 // bytes
	Logical  int64 // sector size, bytes
	Physical int64
	Source   string // format of the source: raw, qcow2, nbd, …
	Tracking string // generation of the change tracking: checkpoint, bitmap or changeId
	State    string
	Reason   string // why it is not ok, or was read in full
	From     UUID   // point that a carried disk is of
	Log2Leaf uint8  // blocks a leaf
	Log2Fan  uint8  // children an inner node
	Height   uint8  // levels of the tree; 1 is a single leaf
	Root     []byte // the root node
	Digest   [16]byte
	Read     int64  // bytes read from the source
	Changed  int64  // bytes of blocks that differ from the parent
	New      int64  // bytes of blocks that the repository did not have
	Stored   int64  // bytes that those take, encoded
	Data     int64  // blocks of the image that are not zero
	Fallback string // why changed-block tracking was not used, when it was asked for
	Audited  int64  // bytes of unchanged blocks that were read to see whether the tracking tells the truth
	Origin   string // where the source lay, and which one it was: a path with device and inode, a moRef with a key
	Extra    []Extra
}

func (d *Disk) fields() []field {
	return []field{
		text(1, &d.ID), text(critical|2, &d.Name), text(3, &d.Bus), number(critical|4, &d.Size),
		number(5, &d.Logical), number(6, &d.Physical), text(7, &d.Source), text(8, &d.Tracking),
		text(critical|9, &d.State), text(10, &d.Reason), uuidField(11, &d.From),
		number(critical|12, &d.Log2Leaf), number(critical|13, &d.Log2Fan), number(critical|14, &d.Height),
		blob(critical|15, &d.Root), fixed16(critical|16, &d.Digest),
		number(17, &d.Read), number(18, &d.Changed), number(19, &d.New), number(20, &d.Stored),
		text(21, &d.Fallback), number(22, &d.Data), number(23, &d.Audited), text(24, &d.Origin),
	}
}
func (d *Disk) extras() *[]Extra { return &d.Extra }

func (m *Manifest) fields() []field {
	return []field{
		uuidField(critical|1, &m.Point), uuidField(critical|2, &m.Machine), text(critical|3, &m.MachineName),
		text(critical|4, &m.Name), number(critical|5, &m.Sequence), uuidField(6, &m.Predecessor),
		instant(critical|7, &m.Time), instant(8, &m.Start), instant(9, &m.End), text(10, &m.Host),
		text(11, &m.Asked), text(12, &m.Done), text(13, &m.Consistency),
		uuidField(14, &m.OriginRepo), uuidField(15, &m.OriginPoint),
		texts(16, &m.Tags), texts(17, &m.Hypervisor), text(18, &m.Tool), texts(19, &m.Warnings),
		records(20, &m.Configs), records(critical|21, &m.Disks), text(22, &m.Anomaly),
	}
}
func (m *Manifest) extras() *[]Extra { return &m.Extra }

// Marshal gives the record's bytes, to be sealed.
func (m *Manifest) Marshal() []byte { return encode(m) }

// Unmarshal reads the record's bytes.
func (m *Manifest) Unmarshal(b []byte) error {
	*m = Manifest{}
	if err := decode(m, b); err != nil {
		return err
	}
	return m.Validate()
}

// Validate refuses what no writer makes, so that readers need not doubt names and sizes.
func (m *Manifest) Validate() error {
	if m.Point.IsZero() || m.Machine.IsZero() || m.Name == "" || !PathName(m.Name) {
		return malformed("point without ID, machine or name")
	}
	if err := MachineName(m.MachineName); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range m.Disks {
		d := &m.Disks[i]
		if seen[d.Name] {
			return malformed("two disks are called %q", d.Name)
		}
		seen[d.Name] = true
		if err := d.validate(); err != nil {
			return err
		}
	}
	return nil
}

// MaxDisk bounds a disk's size: 2^60 bytes, far above what hypervisors know.
const MaxDisk = 1 << 60

func (d *Disk) validate() error {
	if !PathName(d.Name) {
		return malformed("disk called %q", d.Name)
	}
	if d.Size < 0 || d.Size > MaxDisk {
		return malformed("disk %s of %d bytes", d.Name, d.Size)
	}
	if len(d.Root) > MaxNode {
		return malformed("disk %s with a root of %d bytes", d.Name, len(d.Root))
	}
	if d.HasImage() && (d.Log2Leaf != Log2Leaf || d.Log2Fan != Log2Fan || d.Height != Height(d.Size)) {
		return unknown("disk %s with a map of leaf 2^%d, fan-out 2^%d, height %d", d.Name, d.Log2Leaf, d.Log2Fan, d.Height)
	}
	return nil
}

// HasImage tells whether the disk's bytes are in this point.
func (d *Disk) HasImage() bool { return d.State == DiskOK || d.State == DiskCarried }

// Complete tells whether no disk failed: a partial point is never the latest.
func (m *Manifest) Complete() bool {
	for i := range m.Disks {
		if m.Disks[i].State == DiskFailed {
			return false
		}
	}
	return true
}

// Disk finds a disk by name.
func (m *Manifest) Disk(name string) (*Disk, bool) {
	for i := range m.Disks {
		if m.Disks[i].Name == name {
			return &m.Disks[i], true
		}
	}
	return nil, false
}

// Fact finds a fact of the machine's hypervisor by its kind, "" for none.
func (m *Manifest) Fact(kind string) string {
	for _, h := range m.Hypervisor {
		if value, ok := strings.CutPrefix(h, kind+"="); ok {
			return value
		}
	}
	return ""
}

// Only gives the disk that is meant when none is named: the point's only one, but for those that were left out on purpose.
func (m *Manifest) Only() (only *Disk, ok bool) {
	for i := range m.Disks {
		switch d := &m.Disks[i]; {
		case d.State == DiskSkipped:
		case only != nil:
			return nil, false
		default:
			only = d
		}
	}
	return only, only != nil
}

// Summary is the manifest without what opening a disk needs: maps and configuration.
func (m *Manifest) Summary() *Manifest {
	s := *m
	s.Configs = nil
	s.Disks = append([]Disk(nil), m.Disks...)
	for i := range s.Disks {
		s.Disks[i].Root = nil
	}
	return &s
}

// PathName tells whether s can stand as one name in a folder: 1 to 200 bytes of UTF-8, no slash, no control
// characters, no leading dot.
func PathName(s string) bool {
	if len(s) < 1 || len(s) > 200 || s[0] == '.' || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r == '/' || unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// MachineName says what is wrong with a machine's name, if anything.
func MachineName(s string) error {
	if !PathName(s) {
		return malformed("machine name %q: 1 to 200 bytes of UTF-8 without slash, control characters or leading dot", s)
	}
	return nil
}

// Blocks counts the blocks of the disk.
func (d *Disk) Blocks() int64 { return block.Count(d.Size) }

// DataBytes is the length of what is not zero, in bytes of whole blocks, and at most the disk's size.
func (d *Disk) DataBytes() int64 { return min(d.Data<<block.Log2Size, d.Size) }
