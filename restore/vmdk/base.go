package vmdk

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Base is a disk data base: what a descriptor tells the machine of its disk, in order.
type Base []Entry

// An Entry of it, without "ddb.".
type Entry struct{ Key, Value string }

// kept are the keys that mean the same of a restored disk. Others tell where the disk was (objectParentUri), or of files that are
// not there any more.
var kept = []string{"adapterType", "geometry.cylinders", "geometry.heads", "geometry.sectors", "geometry.biosCylinders", "geometry.biosHeads",
	"geometry.biosSectors", "uuid", "virtualHWVersion", "toolsVersion", "toolsInstallType", "thinProvisioned"}

// maxRecorded bounds what is read of a recorded descriptor, in bytes.
const maxRecorded = 1 << 20

var entryLine = regexp.MustCompile(`^ddb\.([A-Za-z.]+)\s*=\s*"([^"\x00-\x1f\x7f]{1,200})"$`)

// Recorded reads the data base of a descriptor that a point recorded, as far as it means the same of the restored disk. What is not
// understood is left out; of what is no descriptor nothing is left.
func Recorded(descriptor []byte) Base {
	var b Base
	for line := range bytes.Lines(descriptor[:min(len(descriptor), maxRecorded)]) {
		m := entryLine.FindSubmatch(bytes.TrimSpace(line))
		if m == nil {
			continue
		}
		i := slices.IndexFunc(kept, func(k string) bool { return strings.EqualFold(k, string(m[1])) })
		if i >= 0 && b.Get(kept[i]) == "" {
			b = append(b, Entry{kept[i], string(m[2])})
		}
	}
	return b
}

// Get gives a key's value, "" if there is none.
func (b Base) Get(key string) string {
	for _, e := range b {
		if e.Key == key {
			return e.Value
		}
	}
	return ""
}

// With gives a copy with another value of a key; "" leaves it out.
func (b Base) With(key, value string) Base {
	b = slices.DeleteFunc(slices.Clone(b), func(e Entry) bool { return e.Key == key })
	if value != "" {
		b = append(b, Entry{key, value})
	}
	return b
}

// complete adds what every data base has.
func (b Base) complete(size int64) Base {
	b = slices.Clone(b)
	add := func(key, value string) {
		if b.Get(key) == "" {
			b = append(b, Entry{key, value})
		}
	}
	add("adapterType", "lsilogic")
	if b.Get("geometry.cylinders") == "" || b.Get("geometry.heads") == "" || b.Get("geometry.sectors") == "" {
		c, h, s := geometry(sectors(size), b.Get("adapterType") == "ide")
		for i, key := range []string{"geometry.cylinders", "geometry.heads", "geometry.sectors"} {
			b = b.With(key, strconv.FormatInt([]int64{c, h, s}[i], 10))
		}
	}
	add("virtualHWVersion", "4") // of ESX 3 and before; newer ones do not look
	return b
}

// geometry is what the adapters' firmware makes of a disk of n sectors. "The Disk Database".
func geometry(n int64, ide bool) (cylinders, heads, perTrack int64) {
	const gigabyte, most, mostIDE = 1 << 21, 65535, 16383
	switch {
	case ide:
		return max(1, min(n/(16*63), mostIDE)), 16, 63
	case n < gigabyte:
		heads, perTrack = 64, 32
	case n < 2*gigabyte:
		heads, perTrack = 128, 32
	default:
		heads, perTrack = 255, 63
	}
	return max(1, min(n/(heads*perTrack), most)), heads, perTrack
}
