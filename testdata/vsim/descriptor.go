package vsim

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
)

// describe writes the descriptor of a flat as ESXi does, and leaves of an existing one what is not of its length and names.
func (h *Host) describe(l *layer, size int64) error {
	name, err := h.path(l.name)
	if err != nil {
		return err
	}
	extent := fmt.Sprintf("RW %d VMFS %q", size/512, path.Base(flatName(l.name)))
	if old, err := os.ReadFile(name); err == nil && strings.Contains(string(old), "ddb.uuid") {
		return os.WriteFile(name, extentLine.ReplaceAll(old, []byte(strings.ReplaceAll(extent, "$", "$$"))), 0o600)
	}
	id := strings.ReplaceAll(newUUID(), "-", "")
	text := fmt.Sprintf(`# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=%s
parentCID=ffffffff
createType="vmfs"

# Extent description
%s

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.longContentID = %q
ddb.thinProvisioned = "1"
ddb.uuid = "60 00 C2 9%s"
ddb.virtualHWVersion = "19"
`, id[:8], extent, size/512/255/63, id, spaced(id[:25]))
	return os.WriteFile(name, []byte(text), 0o600)
}

var extentLine = regexp.MustCompile(`(?m)^RW \d+ VMFS .*$`)

// spaced is hexadecimal as VMware writes UUIDs, from the second half of the fourth byte on.
func spaced(id string) string {
	var b strings.Builder
	b.WriteString(id[:1])
	for i := 1; i+1 < len(id); i += 2 {
		sep := " "
		if i == 9 {
			sep = "-"
		}
		b.WriteString(sep + id[i:i+2])
	}
	return b.String()
}
