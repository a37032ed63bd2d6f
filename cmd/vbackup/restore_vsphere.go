package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/restore"
	vm "vbfs/restore/machine"
	"vbfs/restore/vsphere"
)

// toVSphere begins the target that is a machine of VMware's.
const toVSphere = "vsphere:"

// vmwareFlags say where a machine of VMware's comes back, and how.
type vmwareFlags struct {
	server              vsphereServer
	run                 *vsphere.Run // begun when it is needed first
	cluster, host, pool string
	networks            []string // OLD=NEW
	transport           string
	vddk                hyper.VDDKOptions
}

func (v *vmwareFlags) add(f *pflag.FlagSet) {
	v.server.flags(f)
	f.StringVar(&v.cluster, "cluster", "", "`NAME` or path of the cluster, or of the host that stands alone, for a new machine of VMware's (default as it was)")
	f.StringVar(&v.host, "host", "", "`NAME` of the host that is to have it (default as it was, else any that can)")
	f.StringVar(&v.pool, "pool", "", "`NAME` or path of its resource pool (default as it was)")
	f.StringArrayVar(&v.networks, "network", nil, "`OLD=NEW`: its cards in the network OLD come into NEW; OLD may be a card's label, as 'Network adapter 1'")
	f.StringVar(&v.transport, "transport", "", "write VMware's disks by vddk or nfc (default the first of them that is there)")
	f.StringVar(&v.vddk.LibDir, "vddk-libdir", "", "VMware's library VDDK is in this `DIR`")
	f.StringVar(&v.vddk.Plugin, "vddk-plugin", "", "nbdkit's plugin for it, a `NAME` or a path (default vddk)")
}

// said tells whether any of them was given.
func (v *vmwareFlags) said() bool {
	return v.server.said() || v.places() || v.transport != "" || v.vddk != hyper.VDDKOptions{}
}

// begin logs in, once, and gives the run that all restores are part of.
func (v *vmwareFlags) begin(ctx context.Context, app *cli.App) (*vsphere.Run, error) {
	if v.run != nil {
		return v.run, nil
	}
	conn, err := v.server.login(ctx, app)
	if err != nil {
		return nil, wayIn(err)
	}
	v.run = vsphere.Begin(conn)
	return v.run, nil
}

// places tells whether a new machine was spoken of.
func (v *vmwareFlags) places() bool {
	return v.cluster+v.host+v.pool != "" || v.networks != nil
}

// checkVSphere refuses what does not go together.
func (r *restoring) checkVSphere() error {
	m, v := &r.machine, &r.vmware
	switch {
	case m.connect != "":
		return cli.Usage("--connect is libvirt's: name VMware's server with --server")
	case m.keepIDs && m.newIDs:
		return cli.Usage("--keep-ids and --new-ids are each other's opposite")
	case m.delta && !r.overwrite:
		return cli.Usage("--delta writes into a machine that is there: say --overwrite with it")
	case r.overwrite && m.name != "":
		return cli.Usage("the machine to be restored over is named by the target: vsphere:%s", m.name)
	case r.overwrite && (m.storage != nil || r.format != "" || m.keepIDs || m.newIDs || m.powerOn || v.places()):
		return cli.Usage("with --overwrite the machine stays where and what it is: leave --storage, --format, --keep-ids, --new-ids, --cluster, --host, --pool, --network and --power-on out")
	case r.format != "" && !slices.Contains(spec.Formats, r.format):
		return cli.Usage("disks of VMware's are %s, not %s", strings.Join(spec.Formats, ", "), r.format)
	case v.transport != "" && !slices.Contains(vsphere.Transports, v.transport):
		return cli.Usage("--transport %q is none of %s", v.transport, strings.Join(vsphere.Transports, ", "))
	}
	if _, err := r.toVMware(""); err != nil {
		return err
	}
	return v.server.check()
}

// toVMware is what flags ask for.
func (r *restoring) toVMware(path string) (o vsphere.Options, err error) {
	m, v := &r.machine, &r.vmware
	o = vsphere.Options{
		Path: path, Name: m.name, Cluster: v.cluster, Host: v.host, Pool: v.pool, Format: r.format, IDs: m.ids(), PowerOn: m.powerOn,
		Delta: m.delta, Verify: r.verify, Foresee: r.dryRun, Transport: v.transport, VDDK: v.vddk, Stores: map[string]string{}, Networks: map[string]string{},
		Progress: new(vm.Progress),
	}
	for _, s := range m.storage {
		disk, store, ok := strings.Cut(s, "=")
		switch {
		case (!ok || strings.HasPrefix(s, "/")) && o.Storage == "": // a path may have a = in it
			o.Storage = s
		case !ok:
			return o, cli.Usage("--storage %s: %s is it already; DISK=DATASTORE is for one disk", s, o.Storage)
		case disk == "" || store == "" || o.Stores[disk] != "":
			return o, cli.Usage("--storage %s is not as DISK=DATASTORE, once for a disk", s)
		default:
			o.Stores[disk] = store
		}
	}
	for _, n := range v.networks {
		old, to, ok := strings.Cut(n, "=")
		if !ok || old == "" || to == "" || o.Networks[old] != "" {
			return o, cli.Usage("--network %s is not as OLD=NEW, once for a network", n)
		}
		o.Networks[old] = to
	}
	return o, nil
}

// vsphere restores a machine, or one disk of it.
func (r *restoring) vsphere(ctx context.Context, repo *index.Repository, p *format.Manifest, disk, path string) error {
	if disk != "" && !r.overwrite {
		return cli.Usage("one disk alone is restored to a machine that is there: say --overwrite, and name the machine in the target")
	}
	m, err := machineOf(ctx, repo, p, disk)
	if err != nil {
		return err
	}
	run, err := r.vmware.begin(ctx, r.app)
	if err != nil {
		return err
	}
	o, err := r.toVMware(path)
	if err != nil {
		return err
	}
	bring := run.New
	if r.overwrite {
		bring = run.Over
	}
	start := time.Now()
	made, err := r.watch(m, o.Progress, func() (*vm.Result, error) { return bring(ctx, m, o) })
	if err != nil {
		return vsphereWayOut(fmt.Errorf("restore %s@%s to vSphere: %w", p.MachineName, p.Name, err))
	}
	said := fmt.Sprintf("the machine %s of %s", named(made), r.vmware.server.conn.Host())
	if err := r.machineSummary(p, made, said, restoredLine{Machine: made.Name, Path: made.Path}, time.Since(start)); err != nil {
		return err
	}
	return r.short(ctx, made, r.missing(ctx, p, disk))
}

// short tells of what was asked for and did not come about.
func (r *restoring) short(ctx context.Context, made *vm.Result, err error) error {
	for _, s := range made.Short {
		r.app.Tell(ctx, r.at(fmt.Errorf("%s: %s", made.Name, s)))
	}
	if err == nil && made.Short != nil {
		return cli.Told(cli.Partly)
	}
	return err
}

// vsphereWaysOut of what hinders the restore of a machine of VMware's.
var vsphereWaysOut = []remedy{
	{vm.ErrHalf, "restore it again before the machine is started"},
	{vm.ErrNoDefinition, "restore its disks one by one: vbackup restore POINT:DISK TARGET"},
	{vm.ErrBadDefinition, "the point was damaged, or made by a newer release: restore its disks one by one: vbackup restore POINT:DISK TARGET"},
	{vsphere.ErrUnfinished, "when that restore has ended: restore again on the host that it ran on, or delete the machine in the vSphere client, with its disks, and the folders that were made for it; or give another name with --name"},
	{vm.ErrExists, "give another one with --name, leave --keep-ids out, or put the machine that is there back with --overwrite"},
	{vm.ErrRuns, "shut it down first, in the vSphere client; or leave --overwrite out, and make another machine of the point"},
	{vm.ErrSnapshots, "see to them in the vSphere client; or leave --overwrite out, and make another machine of the point"},
	{vm.ErrOther, "leave --overwrite out, and make another machine of the point; or restore that disk to a file"},
	{vsphere.ErrRefused, "leave --overwrite out, and make another machine of the point; or restore its disks to files"},
	{vm.ErrNoStorage, "name a datastore that the cluster or host has with --storage, or DISK=DATASTORE for one disk"},
	{vsphere.ErrNoPlace, "see what there is in the vSphere client"},
	{restore.ErrNoSpace, "make room there, take another --storage, or --format thin"},
	{restore.ErrNoReread, "install nbdkit's vddk plugin and VMware's VDDK, or leave --verify and --delta out"},
	{hyper.ErrNoNBDKit, "install nbdkit and its vddk plugin (nbdkit-vddk-plugin, nbdkit-plugin-vddk; --vddk-plugin names one elsewhere), or take --transport nfc"},
	{hyper.ErrNoVDDK, "unpack VMware's VDDK and name its directory with --vddk-libdir, or take --transport nfc"},
}

func vsphereWayOut(err error) error {
	if err, ok := remedied(err, vsphereWaysOut); ok {
		return err
	}
	return wayIn(wayOut(err))
}
