package ghettovcb

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"vbfs/hyper/vmx"
)

// A config is a machine's configuration.
type config struct {
	*vmx.File
	file  string
	text  []byte
	disks []vmxDisk // by controller and number
}

// A vmxDisk is a disk that a configuration names.
type vmxDisk struct {
	name        string // scsi0-0
	bus         string // scsi, sata, ide, nvme
	file        string // of its descriptor, below the folder; "" is outside
	says        string // what the configuration calls it
	independent bool   // snapshots leave it out, and so does ghettoVCB
	order       [2]int
}

// diskKey is what the keys of disks begin with.
var diskKey = regexp.MustCompile(`^(scsi|sata|ide|nvme)(\d{1,3}):(\d{1,3})\.filename$`)

// config reads the folder's only configuration.
func (f *folder) config() (*config, error) {
	var names []string
	for name := range f.entries {
		if hasSuffix(name, ".vmx") && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		return nil, fmt.Errorf("%w: there is no .vmx", ErrMissing)
	case 1:
	default:
		slices.Sort(names)
		return nil, fmt.Errorf("%w: there are several configurations: %s", ErrRefused, strings.Join(names, ", "))
	}
	text, err := f.small(names[0], vmx.MaxSize)
	if err != nil {
		return nil, err
	}
	return parseConfig(names[0], text)
}

func parseConfig(file string, text []byte) (*config, error) {
	parsed, err := vmx.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, file, err)
	}
	v := &config{File: parsed, file: file, text: text}
	for key, value := range v.All() {
		key = strings.ToLower(key)
		if m := diskKey.FindStringSubmatch(key); m != nil && v.isDisk(strings.TrimSuffix(key, ".filename"), value) {
			v.disks = append(v.disks, v.disk(m, value))
		}
	}
	slices.SortFunc(v.disks, func(a, b vmxDisk) int {
		if c := strings.Compare(a.bus, b.bus); c != 0 {
			return c
		}
		return slices.Compare(a.order[:], b.order[:])
	})
	return v, nil
}

// isDisk goes by what ghettoVCB goes by: it is there, and is a hard disk or at least called like one.
func (v *config) isDisk(at, file string) bool {
	kind := strings.ToLower(v.Get(at + ".devicetype"))
	return v.True(at+".present") && hasSuffix(file, ".vmdk") && !strings.Contains(kind, "cdrom")
}

func (v *config) disk(m []string, file string) vmxDisk {
	controller, _ := strconv.Atoi(m[2]) // digits
	number, _ := strconv.Atoi(m[3])
	at := fmt.Sprintf("%s%s:%s", m[1], m[2], m[3])
	return vmxDisk{
		name: fmt.Sprintf("%s%d-%d", m[1], controller, number), bus: m[1], file: diskFile(file), says: file,
		independent: strings.Contains(strings.ToLower(v.Get(at+".mode")), "independent"), order: [2]int{controller, number},
	}
}

// volumes is where datastores are on ESXi.
const volumes = "/vmfs/volumes/"

// diskFile is where ghettoVCB puts a disk. One of another datastore, /vmfs/volumes/DATASTORE/MACHINE/DISK.vmdk, goes to
// DATASTORE/DISK.vmdk.
func diskFile(says string) string {
	file := says
	if rest, ok := strings.CutPrefix(says, volumes); ok {
		dir := path.Dir(path.Dir(rest))
		if dir == "." {
			return ""
		}
		file = dir + "/" + path.Base(rest)
	}
	if path.IsAbs(file) || path.Clean(file) != file || file == ".." || strings.HasPrefix(file, "../") {
		return ""
	}
	return file
}
