package libvirt

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	xml "libvirt.org/go/libvirtxml"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
)

// configs gives the domain's configuration as it is recorded in a point, and warnings of what could not be had. Only a domain that
// cannot be described at all is an error.
//
// The XML is taken with its secrets (VIR_DOMAIN_XML_SECURE): a machine restored without, say, its console's password would let
// everybody in, or nobody. What must be there for the machine to be itself comes first, what its host's packages have last, for all
// together have to fit.
func configs(ctx context.Context, conn *libvirt.Conn, dom *libvirt.Domain) ([]format.ConfigFile, []string, error) {
	r := &recorder{conn: conn, left: maxConfigs}
	state, err := dom.State(ctx)
	if err != nil {
		return nil, nil, err
	}
	text, err := dom.XML(ctx, true)
	if err != nil {
		return nil, nil, err
	}
	r.add("libvirt-domain", "domain.xml", []byte(text))
	running := state != libvirt.ShutOff
	if running {
		if text, err = dom.XML(ctx, false); err != nil {
			return nil, nil, err
		}
		r.add("libvirt-domain-live", "domain-live.xml", []byte(text))
	}
	var def xml.Domain
	if err := def.Unmarshal(text); err != nil {
		return nil, nil, fmt.Errorf("XML of domain %s: %w", dom.Name(), err)
	}
	r.autostart(ctx, dom)
	r.checkpoints(ctx, dom)
	r.boot(ctx, &def, "nvram")
	r.tpm(&def, running)
	r.images(ctx, dom, !running)
	r.boot(ctx, &def, "dtb", "kernel", "initrd", "loader")
	return r.files, r.warnings, nil
}

func (r *recorder) autostart(ctx context.Context, dom *libvirt.Domain) {
	on, err := dom.Autostart(ctx)
	if err != nil {
		r.lack("autostart", err)
		return
	}
	r.add("libvirt-autostart", "autostart", []byte(map[bool]string{true: "yes\n", false: "no\n"}[on]))
}

// checkpoints records the checkpoints that there are, ours and others', each as libvirt describes it with its domain.
func (r *recorder) checkpoints(ctx context.Context, dom *libvirt.Domain) {
	list, err := dom.Checkpoints(ctx)
	if err != nil {
		r.lack("checkpoints.xml", err)
		return
	}
	var b strings.Builder
	b.WriteString("<domaincheckpoints>\n")
	for _, c := range list {
		text, err := dom.CheckpointXML(ctx, c.Name)
		if err != nil {
			r.lack("checkpoints.xml", err)
			continue
		}
		b.WriteString(text)
	}
	b.WriteString("</domaincheckpoints>\n")
	if len(list) > 0 {
		r.add("libvirt-checkpoints", "checkpoints.xml", []byte(b.String()))
	}
}

// bootNames are the names under config/ of the kinds of files that a machine starts from.
var bootNames = map[string]string{"nvram": "nvram.fd", "loader": "loader.fd", "kernel": "kernel", "initrd": "initrd", "dtb": "dtb"}

// boot records files that the machine starts from, in that order.
func (r *recorder) boot(ctx context.Context, def *xml.Domain, kinds ...string) {
	paths := bootPaths(def.OS)
	for _, kind := range kinds {
		if path := paths[kind]; path != "" {
			r.file(ctx, kind, bootNames[kind], path)
		}
	}
}

// bootPaths are libvirt's elements of formatdomain, "Operating system booting".
func bootPaths(os *xml.DomainOS) map[string]string {
	if os == nil {
		return nil
	}
	paths := map[string]string{"kernel": os.Kernel, "initrd": os.Initrd, "dtb": os.DTB}
	if os.Loader != nil {
		paths["loader"] = os.Loader.Path
	}
	if n := os.NVRam; n != nil {
		paths["nvram"] = cmp.Or(n.NVRam, source(n.Source))
	}
	for kind, path := range paths {
		paths[kind] = strings.TrimSpace(path)
	}
	return paths
}

// source is where a file lies that may lie elsewhere, too.
func source(s *xml.DomainDiskSource) string {
	switch {
	case s == nil:
		return ""
	case s.File != nil:
		return s.File.File
	case s.Block != nil:
		return s.Block.Dev
	}
	return "a network's storage"
}
