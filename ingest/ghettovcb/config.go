package ghettovcb

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"vbfs/index/format"
)

// maxNVRAM bounds what is kept of a machine's NVRAM, in bytes: VMware's has 8 KiB for a BIOS, 265 KiB for UEFI.
const maxNVRAM = 16 << 20

// facts are what the configuration tells of the machine's identity.
func (v *config) facts() (out []string) {
	for _, key := range []string{"uuid.bios", "vc.uuid"} {
		id := strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(v.Get(key)))
		if uuid.MatchString(id) {
			out = append(out, "vmx-"+key+"="+id)
		}
	}
	if hw := v.Get("virtualhw.version"); hw != "" && len(hw) < 10 {
		out = append(out, "vmx-hardware="+hw)
	}
	return out
}

// configs gives the files that are kept beside the disks, and what of them could not be kept.
func (f *folder) configs(v *config, disks []disk) (out []format.ConfigFile, unkept []string) {
	out = append(out, format.ConfigFile{Kind: "vmx", Name: configName(v.file, "machine.vmx"), Data: v.text})
	if name := f.nvram(v); name != "" {
		b, err := f.small(name, maxNVRAM)
		if err != nil {
			unkept = append(unkept, fmt.Sprintf("the NVRAM is not kept: %v", err))
		} else {
			out = append(out, format.ConfigFile{Kind: "nvram", Name: configName(name, "machine.nvram"), Data: b})
		}
	} else if strings.EqualFold(v.Get("firmware"), "efi") {
		unkept = append(unkept, "the machine boots by UEFI, and its NVRAM is not in the folder: what boots it may have to be set again")
	}
	for _, d := range disks {
		if d.err != nil || d.skip != "" {
			continue
		}
		out = append(out, f.descriptors(d)...)
	}
	return out, unkept
}

// configName is a file's own name, if that can be one in a point.
func configName(file, other string) string {
	if name := path.Base(file); format.PathName(name) {
		return name
	}
	return other
}

// nvram finds the machine's NVRAM: the file that the configuration names, else the only one there is.
func (f *folder) nvram(v *config) string {
	if name := path.Base(v.Get("nvram")); v.Get("nvram") != "" {
		if _, ok := f.entries[name]; ok {
			return name
		}
	}
	var names []string
	for name := range f.entries {
		if hasSuffix(name, ".nvram") {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		return ""
	}
	return names[0]
}

// descriptors gives those of a disk: scsi0-0.vmdk, and of what it counts from scsi0-0.1.vmdk and so on.
func (f *folder) descriptors(d disk) (out []format.ConfigFile) {
	file := d.file
	for n := range maxLayers {
		of, err := f.describe(file)
		if err != nil {
			break // which fails the disk
		}
		name := d.name + ".vmdk"
		if n > 0 {
			name = fmt.Sprintf("%s.%d.vmdk", d.name, n)
		}
		out = append(out, format.ConfigFile{Kind: "vmdk-descriptor", Name: name, Data: of.text})
		parent := of.values["parentfilenamehint"]
		if parent == "" {
			break
		}
		file = path.Join(path.Dir(file), parent)
	}
	return out
}

// extentName is how VMware calls what belongs to a disk: -flat, -s001, -f001, -delta, -sesparse, -ctk, -rdm.
var extentName = regexp.MustCompile(`(?i)^(-\d{6})?-(flat|s\d{3,}|f\d{3,}|delta|sesparse|rdm|rdmp)\.vmdk$`)

func isExtent(rest string) bool { return extentName.MatchString(rest) }

// strays names files of disks that belong to none of the machine's.
func (f *folder) strays(disks []disk) (out []string) {
	used := map[string]bool{}
	for _, d := range disks {
		f.mark(used, d.file)
	}
	for name := range f.entries {
		if hasSuffix(name, ".vmdk") && !hasSuffix(name, "-ctk.vmdk") && !used[name] {
			out = append(out, name+" belongs to no disk that the configuration names: it is left out")
		}
	}
	slices.Sort(out)
	if len(out) > maxStrays {
		out = append(out[:maxStrays], fmt.Sprintf("and %d more files of disks", len(out)-maxStrays))
	}
	return out
}

// maxStrays bounds the warnings of a point.
const maxStrays = 20

// mark marks the files of a disk.
func (f *folder) mark(used map[string]bool, file string) {
	for file != "" && !used[file] {
		used[file] = true
		d, err := f.describe(file)
		if err != nil {
			return
		}
		for _, e := range d.extents {
			used[path.Join(path.Dir(file), e.file)] = true
		}
		parent := d.values["parentfilenamehint"]
		if parent == "" {
			return
		}
		file = path.Join(path.Dir(file), parent)
	}
}
