package libvirt

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
)

// lost names the elements and attributes that do not come through being taken apart and put together: those that a later
// libvirt has invented.
func (d *definition) lost(recorded string) []string {
	again, err := d.Marshal()
	if err != nil {
		return nil // which is told when it is put together in the end
	}
	before, after := paths(recorded), paths(again)
	maps.DeleteFunc(before, func(path string, n int) bool { return after[path] >= n })
	return slices.Sorted(maps.Keys(before))
}

// paths counts the elements and attributes of a document, as domain/devices/disk/@type. What libvirt does not interpret,
// metadata, is one element.
func paths(doc string) map[string]int {
	count := map[string]int{}
	var at []string
	for d := xml.NewDecoder(strings.NewReader(doc)); ; {
		token, err := d.Token()
		switch t := token.(type) {
		case xml.StartElement:
			at = append(at, t.Name.Local)
			path := strings.Join(at, "/")
			count[path]++
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					count[path+"/@"+a.Name.Local]++
				}
			}
			if t.Name.Local == "metadata" {
				at = at[:len(at)-1]
				err = d.Skip()
			}
		case xml.EndElement:
			at = at[:max(len(at)-1, 0)]
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return nil // whoever takes it apart says why
			}
			return count
		}
	}
}

func list(names []string) string { return strings.Join(names, ", ") }
