package main

import (
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vbfs/cmd/internal/cli"
	vmware "vbfs/hyper/vsphere"
	"vbfs/index/format"
	"vbfs/ingest"
)

// A source is what a SOURCE argument says.
type source struct {
	disk string // of DISK=SOURCE; "" is not said
	path string // of a file or block device; "" when it is
	uri  string // of an NBD export
	host string // libvirt, qmp or vsphere, which captures a machine whole
	name string // of its domain, or the path of its socket
	skip string // why the disk is left out; "" is: it is not

	vm   *vmware.Entry // of vsphere, once it was found
	uuid string        // of a domain that was asked what it asks for
	asks *asked        // what its inventory asks for, when it was chosen by that
	lost error         // why there is nothing to capture, which is told when its turn comes
}

// Schemes of sources.
var (
	nbdSchemes  = []string{"nbd", "nbds", "nbd+unix", "nbds+unix"}
	hostSchemes = []string{"libvirt", "qmp", "vsphere"}
)

// parseSource reads [DISK=]SOURCE. What is in front of a = is no disk's name when it has a slash or a colon in it:
// ./a=b.raw is a file.
func parseSource(arg string) (s source, err error) {
	rest := arg
	if disk, after, ok := strings.Cut(arg, "="); ok && !strings.ContainsAny(disk, "/:") {
		if !format.PathName(disk) {
			return s, cli.Usage("%q: %q is no name for a disk", arg, disk)
		}
		s.disk, rest = disk, after
	}
	scheme, path, _ := strings.Cut(rest, ":")
	switch {
	case rest == "":
		return s, cli.Usage("a source is empty")
	case slices.Contains(nbdSchemes, scheme):
		s.uri = rest
		_, err = s.export()
	case slices.Contains(hostSchemes, scheme) && s.disk != "":
		return s, cli.Usage("%q: %s is a whole machine, whose disks have names of their own", arg, rest)
	case slices.Contains(hostSchemes, scheme):
		s.host, s.name = scheme, path
	case scheme == "file" && path != "":
		s.path = path
	default:
		s.path = rest
	}
	return s, err
}

// export gives the name of an NBD URI's export.
func (s source) export() (string, error) {
	u, err := url.Parse(s.uri)
	if err != nil || u.Opaque != "" || !strings.Contains(s.uri, "://") {
		return "", cli.Usage("%q is no NBD URI, as nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH are", s.uri)
	}
	return strings.TrimPrefix(u.Path, "/"), nil
}

// String is the source without its disk's name.
func (s source) String() string {
	switch {
	case s.host != "":
		return s.host + ":" + s.name
	case s.uri != "":
		return s.uri
	}
	return s.path
}

// machine is the name that the source gives to its machine: of the file without its extension, or of the export.
func (s source) machine() (string, error) {
	name := strings.TrimSuffix(filepath.Base(s.path), filepath.Ext(s.path))
	if s.uri != "" {
		var err error
		if name, err = s.export(); err != nil {
			return "", err
		}
	}
	return name, checkMachine(name, "the source "+s.String())
}

// checkMachine refuses names that a machine cannot have.
func checkMachine(name, from string) error {
	if format.PathName(name) {
		return nil
	}
	return cli.Usage("%s gives no name for a machine (%q): give one with --machine, of 1 to 200 bytes without slash, "+
		"control characters and leading dot", from, name)
}

// A machine is what becomes one point.
type machine struct {
	name  string
	disks []source // all named
	whole *source  // in place of disks: what captures it whole

	source   ingest.Machine   // of whole, when it was met
	progress *ingest.Progress // of its capture; nil before
}

// String is the machine's name, or the source while that is not known.
func (m machine) String() string {
	switch {
	case m.name != "":
		return m.name
	case m.whole.vm != nil:
		return m.whole.vm.Name
	}
	return m.whole.String()
}

// path is where the machine stands, as its hypervisor says: /DC/vm/folder/NAME; "" is nowhere.
func (m machine) path() string {
	if m.whole == nil || m.whole.vm == nil {
		return ""
	}
	return m.whole.vm.Path
}

// machines puts sources together: all into the machine called name, or each into one of its own.
func machines(sources []source, name string) ([]machine, error) {
	if slices.ContainsFunc(sources, func(s source) bool { return s.host != "" }) {
		return wholeMachines(sources, name)
	}
	if name != "" {
		m := machine{name: name, disks: sources}
		return []machine{m}, m.nameDisks("--machine")
	}
	var all []machine
	for _, s := range sources {
		name, err := s.machine()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(m machine) bool { return m.name == name }) {
			return nil, cli.Usage("two sources are of machine %q: join them, or name them, with --machine", name)
		}
		m := machine{name: name, disks: []source{s}}
		if err := m.nameDisks("the source " + s.String()); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// wholeMachines makes a machine of each source. Those that are captured whole are named by what has control of them, when
// that is asked.
func wholeMachines(sources []source, name string) (all []machine, err error) {
	if name != "" && len(sources) > 1 {
		return nil, cli.Usage("--machine names one machine, and there are %d sources, of which some are machines by themselves", len(sources))
	}
	for i, s := range sources {
		if s.host == "" {
			one, err := machines(sources[i:i+1], "")
			if err != nil {
				return nil, err
			}
			all = append(all, one...)
			continue
		}
		if name != "" {
			err = checkMachine(name, "--machine")
		}
		all = append(all, machine{name: name, whole: &sources[i]})
	}
	return all, err
}

// nameDisks names the disks that have no name yet by their place: disk0, disk1.
func (m machine) nameDisks(from string) error {
	seen := map[string]bool{}
	for i := range m.disks {
		d := &m.disks[i]
		if d.disk == "" {
			d.disk = "disk" + strconv.Itoa(i)
		}
		if seen[d.disk] {
			return cli.Usage("two disks of machine %q are called %q: name them with DISK=SOURCE", m.name, d.disk)
		}
		seen[d.disk] = true
	}
	return checkMachine(m.name, from)
}

// choose marks the disks that are left out: all but those of include, if there are any, and those of exclude.
func (m *machine) choose(include, exclude []string) (left int) {
	for i := range m.disks {
		d := &m.disks[i]
		switch {
		case slices.Contains(exclude, d.disk):
			d.skip = "excluded by --exclude " + d.disk
		case len(include) > 0 && !slices.Contains(include, d.disk):
			d.skip = "not among --include " + strings.Join(include, ",")
		default:
			left++
		}
	}
	return left
}

// chooseDisks applies --include and --exclude. Names that no disk has, and machines without a disk left, are mistakes.
func chooseDisks(all []machine, include, exclude []string) error {
	known := map[string]bool{}
	for _, m := range all {
		if m.whole != nil {
			return nil // whose disks are not known yet
		}
		for _, d := range m.disks {
			known[d.disk] = true
		}
	}
	for _, name := range slices.Concat(include, exclude) {
		if !known[name] {
			return cli.Usage("no source has a disk %q, which --include or --exclude names", name)
		}
	}
	for i := range all {
		if all[i].whole == nil && all[i].choose(include, exclude) == 0 {
			return cli.Usage("--include and --exclude leave no disk of machine %q", all[i].name)
		}
	}
	return nil
}
