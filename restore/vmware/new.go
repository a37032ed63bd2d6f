package vmware

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"vbfs/restore/machine"
	"vbfs/restore/stage"
	"vbfs/restore/translate"
)

// A newMachine is one on its way.
type newMachine struct {
	m      machine.Machine
	o      Options
	hw     *translate.Hardware // nil: a .vmx was recorded, which is not understood any further
	vmx    []byte              // recorded
	name   string
	dir    string // the folder's name
	base   string // of the files' names
	fresh  bool
	uuid   string // "" is what VMware makes
	folder *folder
	jobs   []*job
	notes  []string
}

// Kinds of configuration, as points record them.
const (
	kindVMX        = "vmx"
	kindVSphere    = "vsphere-config"
	kindNVRAM      = "nvram"
	kindDescriptor = "vmdk-descriptor"
)

// New makes a folder of a machine's files. When it fails, there is none, and one that was there before is as it was.
func New(ctx context.Context, m machine.Machine, o Options) (r *machine.Result, err error) {
	n := &newMachine{m: m}
	if n.o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	if err := n.begin(); err != nil {
		return nil, err
	}
	if o.Foresee {
		return n.foresee()
	}
	if n.folder, err = newFolder(n.o.Dir, n.dir, n.o.Overwrite); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.folder.close()) }()
	if err := n.disks(ctx); err != nil {
		return nil, err
	}
	if err := n.describe(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // a restore that was called off does not take effect
		return nil, context.Cause(ctx)
	}
	if err := n.folder.commit(); err != nil {
		return nil, err
	}
	return n.result(), nil
}

// begin finds out what is to be made, and refuses what cannot be.
func (n *newMachine) begin() error {
	if len(n.m.Disks) == 0 {
		return fmt.Errorf("%s: %w", n.m.Point.Name, machine.ErrNoDisk)
	}
	if err := n.define(); err != nil {
		return err
	}
	recorded := n.recordedName()
	n.name = n.o.Name
	if n.name == "" {
		n.name = recorded
	}
	n.dir = baseOf(n.name)
	n.base = n.dir
	if n.o.Format == StreamOptimized {
		n.base = plainOf(n.dir)
	}
	var err error
	if n.fresh, err = n.o.IDs.Fresh(n.name, recorded, false); err != nil {
		return err
	}
	n.plan()
	return stage.CheckSpace(n.o.Dir, n.room())
}

// define reads what the machine is made of. A recorded .vmx is kept as it is for other formats than OVF.
func (n *newMachine) define() (err error) {
	n.vmx = n.m.Config(kindVMX)
	if n.vmx != nil && n.m.Config(kindVSphere) == nil && n.o.Format != StreamOptimized {
		return nil
	}
	n.vmx = nil
	if n.hw, err = translate.Config(n.m); err != nil {
		return err
	}
	n.notes = append(n.notes, n.hw.Notes...)
	return nil
}

func (n *newMachine) recordedName() string {
	if n.hw != nil {
		return n.hw.Config.Name
	}
	return n.m.Point.MachineName
}

// room is what the disks take at least. How much compression leaves is not known.
func (n *newMachine) room() (sum int64) {
	switch n.o.Format {
	case StreamOptimized:
		return 0
	case Flat:
		for _, d := range n.m.Disks {
			sum += d.Record.Size
		}
		return sum
	}
	return n.m.Data()
}

func (n *newMachine) note(format string, args ...any) {
	n.notes = append(n.notes, fmt.Sprintf(format, args...))
}

// describe writes what is not disks.
func (n *newMachine) describe() error {
	nvram, err := n.nvram()
	if err != nil {
		return err
	}
	switch {
	case n.o.Format == StreamOptimized:
		return n.ovf(nvram)
	case n.vmx != nil:
		return n.rewrite(nvram)
	}
	return n.write(nvram)
}

// nvram writes what the firmware keeps, and gives the file's name; "" is none. That of another hypervisor is of no use.
func (n *newMachine) nvram() (string, error) {
	b := n.m.Config(kindNVRAM)
	if b == nil {
		return "", nil
	}
	if n.m.Config(kindVSphere) == nil && n.m.Config(kindVMX) == nil {
		n.note("its NVRAM is of another hypervisor's firmware: it begins with an empty one")
		return "", nil
	}
	return n.base + ".nvram", n.folder.write(n.base+".nvram", b)
}

func (n *newMachine) result() *machine.Result {
	r := &machine.Result{Name: n.name, UUID: n.uuid, Notes: n.notes}
	for _, j := range n.jobs {
		r.Disks = append(r.Disks, j.restored(n))
	}
	return r
}

// final is where a file is in the end.
func (n *newMachine) final(file string) string { return filepath.Join(n.folder.final, file) }

// slot is a disk's place as a .vmx file has it, scsi0:0, of its name in a point, scsi0-0; "" if it is no place.
func slot(name string) string {
	bus, unit, ok := strings.Cut(name, "-")
	number := strings.TrimLeft(bus, "abcdefghijklmnopqrstuvwxyz")
	kind := strings.TrimSuffix(bus, number)
	if !ok || number == "" || unit == "" || strings.Trim(number+unit, "0123456789") != "" || !slices.Contains([]string{"scsi", "sata", "ide", "nvme"}, kind) {
		return ""
	}
	return bus + ":" + unit
}
