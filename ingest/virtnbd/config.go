package virtnbd

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"vbfs/index/format"
)

// configs gives the files that virtnbdbackup keeps beside the streams of a run, and what of them could not be kept.
func (p *Point) configs() (out []format.ConfigFile, unkept []string) {
	if p.domain == nil {
		return nil, []string{"the set has no domain XML of it"}
	}
	out = append(out, format.ConfigFile{Kind: "libvirt-domain", Name: "domain.xml", Data: p.domain.text})
	if p.checkpoint != nil {
		out = append(out, format.ConfigFile{Kind: "virtnbdbackup-checkpoint", Name: "checkpoint.xml", Data: p.checkpoint.text})
	}
	for _, boot := range []struct{ kind, name, path string }{
		{"loader", "loader.fd", p.domain.Loader}, {"nvram", "nvram.fd", p.domain.NVRAM},
		{"kernel", "kernel", p.domain.Kernel}, {"initrd", "initrd", p.domain.Initrd},
	} {
		name := p.beside(path.Base(strings.TrimSpace(boot.path)), "")
		if boot.path == "" || name == "" {
			continue
		}
		b, err := readSmall(p.set.root, name, maxBoot)
		if err != nil {
			unkept = append(unkept, fmt.Sprintf("%s is not kept: %v", boot.kind, err))
		} else if b != nil {
			out = append(out, format.ConfigFile{Kind: boot.kind, Name: boot.name, Data: b})
		}
	}
	if p.beside("autostart", "") != "" {
		out = append(out, format.ConfigFile{Kind: "libvirt-autostart", Name: "autostart", Data: []byte("yes\n")})
	}
	if b := p.images(); b != nil {
		out = append(out, format.ConfigFile{Kind: "qemu-img", Name: "disks.json", Data: b})
	}
	return out, unkept
}

// beside gives the name of a file of this run: with its checkpoint behind the name, its time, or "copy" or nothing for a
// copy. "" is that there is none.
func (p *Point) beside(name, suffix string) string {
	if p.Level != fileDiff {
		if file := name + "." + p.ident() + suffix; p.set.names[file] {
			return file
		}
		if p.Level == fileCopy && p.set.names[name] {
			return name
		}
		return ""
	}
	begun, ok := configTime(p.config)
	for after := int64(0); ok && after < besideSeconds; after++ {
		if file := fmt.Sprintf("%s.%d%s", name, begun.Unix()+after, suffix); p.set.names[file] {
			return file
		}
	}
	return ""
}

// besideSeconds is how long after the domain's XML a differential run writes the other files, which have the second in
// their names. Kernels are copied over a network, perhaps.
const besideSeconds = 60

// images puts what qemu-img said of the disks into one file, by disk.
func (p *Point) images() []byte {
	all := map[string][]json.RawMessage{}
	for _, d := range p.disks() {
		name := p.beside(d, ".qcow.json")
		b, err := readSmall(p.set.root, name, maxJSON)
		if name != "" && err == nil && json.Valid(b) {
			all[d] = []json.RawMessage{b}
		}
	}
	if len(all) == 0 {
		return nil
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil
	}
	return append(b, '\n')
}
