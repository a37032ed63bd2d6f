package vsphere

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// maxDescriptor bounds a disk's descriptor, in bytes: VMware's have some 600.
const maxDescriptor = 64 << 10

// A descriptor is what a VMDK's text says of where its bytes lie: VMware, Virtual Disk Format 5.0, "The Descriptor".
type descriptor struct {
	createType string
	parent     bool // it stands on another disk
	extents    []extent
}

// An extent is a line "RW 20480 VMFS "name-flat.vmdk"".
type extent struct {
	sectors    int64
	kind, file string
	at         int64 // sectors into the file
}

func parseDescriptor(text []byte) (d descriptor, err error) {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "createtype":
			d.createType = value
		case "parentcid":
			d.parent = d.parent || strings.Trim(strings.ToLower(value), "f") != "" && strings.Trim(value, "0") != "" // govmomi writes zeros for none
		case "parentfilenamehint":
			d.parent = true
		}
		if access, rest, ok := strings.Cut(line, " "); ok && (access == "RW" || access == "RDONLY" || access == "NOACCESS") {
			e, err := parseExtent(rest)
			if err != nil {
				return d, fmt.Errorf("descriptor: %q: %w", line, err)
			}
			d.extents = append(d.extents, e)
		}
	}
	return d, nil
}

func parseExtent(s string) (e extent, err error) {
	sectors, rest, _ := strings.Cut(s, " ")
	if e.sectors, err = strconv.ParseInt(sectors, 10, 64); err != nil || e.sectors < 0 || e.sectors > 1<<52 {
		return e, fmt.Errorf("no number of sectors: %q", sectors)
	}
	kind, rest, _ := strings.Cut(rest, " ")
	e.kind = kind
	_, rest, quoted := strings.Cut(rest, `"`)
	file, at, closed := strings.Cut(rest, `"`)
	if !quoted || !closed {
		return e, fmt.Errorf("no file name in quotes")
	}
	if at = strings.TrimSpace(at); at != "" {
		if e.at, err = strconv.ParseInt(at, 10, 64); err != nil {
			return e, fmt.Errorf("no offset: %q", at)
		}
	}
	e.file = file
	return e, nil
}

// flat gives the file, beside the descriptor's own, that holds all bytes of a disk one after the other, or says why there is none.
func (d descriptor) flat(descriptorFile string, capacity int64) (file string, err error) {
	if d.parent {
		return "", fmt.Errorf("%w: it stands on another disk: only a part is in its own file", ErrTransport)
	}
	if d.createType != "vmfs" || len(d.extents) != 1 {
		return "", fmt.Errorf("%w: it is a VMDK of type %q in %d parts, not one flat file", ErrTransport, d.createType, len(d.extents))
	}
	e := d.extents[0]
	switch {
	case e.kind != "VMFS" && e.kind != "FLAT" || e.at != 0:
		return "", fmt.Errorf("%w: its bytes are of kind %s at %d, not one flat file", ErrTransport, e.kind, e.at)
	case strings.ContainsAny(e.file, "/\\") || e.file == "" || strings.HasPrefix(e.file, "."):
		return "", fmt.Errorf("%w: its bytes are an object of the storage, %q, not a file (vSAN and vVols)", ErrTransport, e.file)
	case e.sectors*sectorSize != capacity:
		return "", fmt.Errorf("%w: its file is said to have %d bytes, the disk has %d", ErrTransport, e.sectors*sectorSize, capacity)
	}
	dir, _ := path.Split(descriptorFile)
	if dir == "" { // "[datastore] name.vmdk"
		dir = descriptorFile[:strings.Index(descriptorFile, "]")+1] + " "
	}
	return dir + e.file, nil
}
