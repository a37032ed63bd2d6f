package main

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
	vmware "vbfs/hyper/vsphere"
	"vbfs/ingest"
	"vbfs/ingest/libvirt"
	"vbfs/ingest/qmp"
	"vbfs/ingest/vsphere"
)

// A wholeness is how machines are captured whole, by what has control of them.
type wholeness struct {
	connect     string // URI of libvirt
	all         bool
	lists       []string // files that name machines
	without     []string // patterns of machines that are left out
	freeze      []string
	pause       bool
	consistency string
	scratch     string

	inventory inventory

	vsphere   vsphereServer
	transport string
	enableCBT bool
	vddk      vmware.VDDKOptions

	mu   sync.Mutex  // of what follows
	conn *hyper.Conn // made when it is needed first
}

func (w *wholeness) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.connect, "connect", "", "libvirt at this `URI` (default qemu:///system)")
	f.BoolVar(&w.all, "all", false, "all domains of libvirt:, all machines of vsphere:")
	f.StringArrayVar(&w.lists, "list", nil, "of libvirt: or vsphere: the machines that `FILE` names, one a line, as ghettoVCB's vms_to_backup; may be given several times")
	f.StringArrayVar(&w.without, "exclude-machine", nil, "leave the machines out that `PATTERN` names; may be given several times")
	f.StringArrayVar(&w.freeze, "freeze-mountpoint", nil, "freeze the guest's file system at `PATH` alone; may be given several times")
	f.BoolVar(&w.pause, "pause", false, "stop the guest for the instant of capture, in place of freezing its file systems")
	f.StringVar(&w.consistency, "require-consistency", "", "capture nothing where this `LEVEL` is not reached: application or filesystem")
	f.StringVar(&w.scratch, "scratch", "", "keep what guests overwrite meanwhile in this `DIR` of the machine's host (default /var/tmp)")
	complete(cmd, "require-consistency", ingest.Application, ingest.Filesystem)
	w.vsphere.flags(f)
	f.StringVar(&w.transport, "transport", "", "read VMware's disks by vddk, https or nfc (default the first of them that can)")
	f.BoolVar(&w.enableCBT, "enable-cbt", false, "switch changed block tracking on where it is off and the machine has no snapshots")
	f.StringVar(&w.vddk.LibDir, "vddk-libdir", "", "VMware's library VDDK is in this `DIR`")
	f.StringVar(&w.vddk.Plugin, "vddk-plugin", "", "nbdkit's plugin for it, a `NAME` or a path (default vddk)")
	complete(cmd, "transport", vsphere.Transports...)
	w.inventory.flags(cmd)
}

func (w *wholeness) check(sources []source) error {
	if w.consistency != "" && !slices.Contains([]string{ingest.Application, ingest.Filesystem}, w.consistency) {
		return cli.Usage("--require-consistency %q is neither %s nor %s", w.consistency, ingest.Application, ingest.Filesystem)
	}
	if w.pause && w.freeze != nil {
		return cli.Usage("--pause stops the whole machine: there is nothing for --freeze-mountpoint to do")
	}
	for _, s := range sources {
		switch {
		case s.host == "qmp" && (w.freeze != nil || w.consistency != ""):
			return cli.Usage("%s: a monitor does not reach the guest's agent: only --pause holds the guest still", s)
		case s.host == "qmp" && s.name == "":
			return cli.Usage("qmp: needs the path of a QMP socket, as in qmp:/run/web01.qmp")
		case s.host == "libvirt" && s.name == "" && !w.many() && w.inventory.attribute == "":
			return cli.Usage("libvirt: needs a domain, as in libvirt:web01, or --all, --list or --by-attribute")
		case s.host == "vsphere" && s.name == "" && !w.many() && w.inventory.attribute == "":
			return cli.Usage("vsphere: needs a machine, as in vsphere:/DC/vm/web01, or --all, --list or --by-attribute")
		case s.names() && s.name != "" && w.many():
			return cli.Usage("%s names a machine, which --all and --list do, too: say %s: with them", s, s.host)
		case s.host == "vsphere" && (w.freeze != nil || w.pause):
			return cli.Usage("%s: VMware Tools hold the guest still, or nothing does: --freeze-mountpoint and --pause are for libvirt", s)
		case s.host == "vsphere":
			if err := w.vsphere.check(); err != nil {
				return err
			}
		}
	}
	if (w.many() || w.without != nil) && !slices.ContainsFunc(sources, source.names) {
		return cli.Usage("--all, --list and --exclude-machine are of hypervisors: say libvirt: or vsphere: with them")
	}
	return w.checkVMware(sources)
}

// checkVMware refuses flags that nobody would heed.
func (w *wholeness) checkVMware(sources []source) error {
	if w.transport != "" && !slices.Contains(vsphere.Transports, w.transport) {
		return cli.Usage("--transport %q is none of %s", w.transport, strings.Join(vsphere.Transports, ", "))
	}
	used := w.vsphere.said() || w.transport != "" || w.enableCBT ||
		w.vddk != vmware.VDDKOptions{}
	if used && !slices.ContainsFunc(sources, func(s source) bool { return s.host == "vsphere" }) {
		return cli.Usage("--server, --user, --thumbprint, --cacert, --insecure, --transport, --enable-cbt and --vddk-… are for sources vsphere: alone")
	}
	return nil
}

// libvirt is the connection of the run.
func (w *wholeness) libvirt(ctx context.Context) (_ *hyper.Conn, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		w.conn, err = hyper.Dial(ctx, w.connect)
	}
	return w.conn, err
}

func (w *wholeness) close() {
	if w.conn != nil {
		w.conn.Close() // nothing is under way
	}
	w.vsphere.close()
}

// meet asks what has control of a machine for it: then its name is known, and how it is held still.
func (b *backup) meet(ctx context.Context, m *machine) error {
	if m.whole == nil {
		return nil
	}
	if m.whole.lost != nil {
		return m.whole.lost
	}
	state, err := cli.StateDir()
	if err != nil {
		return err
	}
	var name string
	switch m.whole.host {
	case "libvirt":
		m.source, name, err = b.domain(ctx, m.whole.name, state)
	case "qmp":
		m.source, name, err = b.monitor(ctx, m.whole.name, state)
	case "vsphere":
		m.source, name = b.vmware(m, state), m.whole.vm.Name
	}
	if err != nil {
		return err
	}
	if m.name != "" {
		return nil
	}
	m.name = name
	return checkMachine(m.name, m.whole.String())
}

// domain meets a domain of libvirt.
func (b *backup) domain(ctx context.Context, name, state string) (ingest.Machine, string, error) {
	conn, err := b.whole.libvirt(ctx)
	if err != nil {
		return nil, "", err
	}
	domain, err := conn.Domain(ctx, name)
	if err != nil {
		return nil, "", err
	}
	return libvirt.New(conn, domain.UUID(), libvirt.Options{
		Scratch: b.whole.scratch, State: state, Freeze: b.whole.freeze, Consistency: b.whole.consistency, Pause: b.whole.pause,
		Skip: b.skip,
	}), domain.Name(), nil
}

// monitor meets a QEMU by its monitor.
func (b *backup) monitor(ctx context.Context, socket, state string) (ingest.Machine, string, error) {
	m, err := qmp.New(socket, qmp.Options{Scratch: b.whole.scratch, State: state, Pause: b.whole.pause, Skip: b.skip})
	if err != nil {
		return nil, "", err
	}
	name, err := m.Name(ctx)
	return m, name, err
}

// vmware meets a machine of vSphere, which was found.
func (b *backup) vmware(m *machine, state string) ingest.Machine {
	w := &b.whole
	return vsphere.New(w.vsphere.conn, m.whole.vm.Ref, vsphere.Options{
		Transport: w.transport, Quiesce: true, Consistency: w.consistency, EnableCBT: w.enableCBT, State: state, Scratch: w.scratch,
		Skip: b.skip, VDDK: w.vddk, Progress: m.progress,
	})
}
