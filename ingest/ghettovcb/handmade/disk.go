package handmade

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Write writes a disk by the name of its descriptor.
func (d Disk) Write(t TB, file string) {
	t.Helper()
	base := strings.TrimSuffix(filepath.Base(file), ".vmdk")
	switch d.Format {
	case "", "zeroedthick", "eagerzeroedthick":
		File(t, filepath.Join(filepath.Dir(file), base+"-flat.vmdk"), d.Data)
		d.Descriptor(t, file, "vmfs", fmt.Sprintf("RW %d VMFS \"%s-flat.vmdk\"", len(d.Data)/512, base))
	case "thin":
		thin(t, filepath.Join(filepath.Dir(file), base+"-flat.vmdk"), d.Data)
		d.Descriptor(t, file, "vmfs", fmt.Sprintf("RW %d VMFS \"%s-flat.vmdk\"", len(d.Data)/512, base))
	case "2gbsparse":
		d.pieces(t, file, base)
	default:
		convert(t, d.Data, file, d.Format)
	}
}

// Descriptor writes one as ESX does.
func (d Disk) Descriptor(t TB, file, kind string, extents ...string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=fb183c20\nparentCID=ffffffff\nisNativeSnapshot=\"no\"\ncreateType=\"%s\"\n", kind)
	fmt.Fprintf(&b, "\n# Extent description\n%s\n\n# The Disk Data Base \n#DDB\n\nddb.adapterType = \"lsilogic\"\n", strings.Join(extents, "\n"))
	b.WriteString("ddb.geometry.cylinders = \"2\"\nddb.geometry.heads = \"64\"\nddb.geometry.sectors = \"32\"\nddb.virtualHWVersion = \"13\"\n")
	if d.UUID != "" {
		fmt.Fprintf(&b, "ddb.uuid = \"%s\"\n", d.UUID)
	}
	if d.Format == "thin" {
		b.WriteString("ddb.thinProvisioned = \"1\"\n")
	}
	File(t, file, []byte(b.String()))
}

// thin writes what is not zero.
func thin(t TB, file string, data []byte) {
	t.Helper()
	File(t, file, nil)
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(len(data))); err != nil {
		t.Fatal(err)
	}
	const step = 64 << 10
	for off := 0; off < len(data); off += step {
		p := data[off:min(off+step, len(data))]
		if len(bytes.TrimLeft(p, "\x00")) == 0 {
			continue
		}
		if _, err := f.WriteAt(p, int64(off)); err != nil {
			t.Fatal(err)
		}
	}
}

// pieces writes a disk in three pieces, which VMware would make of 2 GiB each.
func (d Disk) pieces(t TB, file, base string) {
	t.Helper()
	piece := len(d.Data) / 3 &^ (128<<10 - 1)
	var extents []string
	for i := range 3 {
		part := d.Data[i*piece:]
		if i < 2 {
			part = part[:piece]
		}
		name := fmt.Sprintf("%s-s%03d.vmdk", base, i+1)
		convert(t, part, filepath.Join(filepath.Dir(file), name), "monolithicSparse")
		extents = append(extents, fmt.Sprintf("RW %d SPARSE \"%s\"", len(part)/512, name))
	}
	d.Descriptor(t, file, "twoGbMaxExtentSparse", extents...)
}

// convert has qemu-img write a VMDK.
func convert(t TB, data []byte, file, subformat string) {
	t.Helper()
	raw := file + ".raw"
	File(t, raw, data)
	Tool(t, "qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat="+subformat, raw, file)
	if err := os.Remove(raw); err != nil {
		t.Fatal(err)
	}
}
