package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/ingest"
	"vbfs/ingest/vsphere"
)

var levels = []string{ingest.Auto, ingest.Full, ingest.Inc, ingest.Diff, ingest.Copy}

// A backup is the command and its flags.
type backup struct {
	app              *cli.App
	machine, level   string
	tags             []string
	include, exclude []string
	bitmap, format   string
	rate             cli.SizeFlag
	workers          int
	dryRun, waitLock bool
	audit, failOdd   bool
	whole            wholeness
	reports          reports
	crowd            crowd
}

func backupCommand(app *cli.App) *cobra.Command {
	b := &backup{app: app}
	cmd := &cobra.Command{
		Use:   "backup SOURCE…",
		Short: "Capture machines' disks as new points",
		Long: `Capture machines' disks. Each SOURCE is a machine, named after the file without its extension or the NBD export;
--machine joins several disks into one machine. A SOURCE is a path or file:PATH (raw, qcow2, vmdk, vhdx, vdi or a
block device) or an NBD URI (nbd: nbds: nbd+unix: nbds+unix:). DISK=SOURCE names the disk; else it is disk0, disk1, …

A disk that --exclude or --include leaves out is recorded as skipped: the point is complete without it.

Every point is a whole one, whatever the level. Files are read in full each time and only what differs is stored. An
NBD server with a dirty bitmap (--bitmap) that was begun at the machine's newest point is asked for the changes alone.

Change tracking is not trusted blindly: of the blocks that it calls unchanged a random sample, 64 and no less than 3 % of
the changed ones, is read and compared, with --audit all of them. When one differs, everything is read, and the point
says so.

libvirt:DOMAIN is a virtual machine that libvirt runs on this host, or where --connect says; libvirt: --all is all of them. All
disks are captured as they are at one instant, with the guest's file systems frozen where its agent answers; libvirt keeps
track of changes by a checkpoint for each repository. A machine that is shut off is captured, too, and cannot start meanwhile.
qmp:PATH is the machine of a QEMU without libvirt, by the socket of its monitor: the same, by dirty bitmaps.

vsphere:PATTERN is machines of the vCenter or ESXi that --server names: a path /DC/vm/folder/NAME, one with * ? [, a folder (all
below it), a name alone or with * ? [, an instance UUID, or those with a tag (vsphere:tag:NAME or vsphere:tag:CATEGORY/NAME);
vsphere: --all is all of them. They are read from a snapshot, by VMware's changed block tracking where it is on (--enable-cbt
switches it on). Transports: vddk, with VMware's library through nbdkit; https, ranges of files, of machines without older
snapshots; nfc, whole disks. Guests with VMware Tools are held still: their file systems, of Windows programs, too, where VMware
can; the point says what was reached.

libvirt: --list FILE and vsphere: --list FILE are the machines that a file names, as ghettoVCB's vms_to_backup: one name, path or
pattern a line, with blanks and brackets as they are; lines that begin with # count for nothing. One that is not found is an error,
and the others are backed up. --exclude-machine leaves machines out, by whatever names them. Machines of one name are not backed up
in one run: their points would be mixed up.

VMware's machines are captured side by side: --machines-at-once of them, of one host and of one datastore no more than --per-host
and --per-datastore, because machines of a datastore stand still when a snapshot on it goes. They share the workers and the
rate limit. What several of them have in common and the repository has not yet may be stored more than once; it is not with
--machines-at-once 1, as for the first backup of many clones.

--dry-run says disk by disk what would be read, by which transport and why, and all that hinders it.

--by-attribute NAME takes of them the machines that ask for it in their inventory: by a custom attribute of VMware's of that name,
or a tag of the category of that name; of libvirt's by an attribute of that name in their metadata:
  virsh metadata web01 https://vbfs/policy/1 --key vbfs --config --set '<backup BCK_FVM="7D 4W 12M"/>'
A value says how many points to keep by period, as 1D 1M 1Q 1Y of hours (H), days, weeks, months, quarters and years: one of a day,
one of a month before, and so on; or daily, weekly, monthly, quarterly or yearly, of which all are kept; yes, or none. --policy gives
names to such lists. Each point records it, and forget --by-policy goes by that. A value that is not understood is an error, and its
machine is backed up all the same. --due leaves out machines that have a point of each of their periods. What became of a machine is
written into its attribute vbfs-last-backup, or --result-attribute; that this is not allowed is a warning.

--report writes down what became of each machine, also when the run failed or was interrupted.

A point that is far out of its machine's ordinary, as when its files were encrypted, is flagged, with a warning;
--fail-on-anomaly makes that an exit code of 3.`,
		Example: `vbackup backup -r /srv/backup /var/lib/libvirt/images/web01.qcow2
vbackup backup -r /srv/backup --machine db01 vda=/dev/vg0/db01 vdb=/dev/vg0/db01-data --tag reason=upgrade
vbackup backup -r /srv/backup libvirt:web01 --require-consistency filesystem
vbackup backup -r /srv/backup libvirt: --all --connect qemu+ssh://root@kvm1/system
vbackup backup -r /srv/backup vsphere:/DC/vm/prod --server vcenter.example.org --user backup@vsphere.local --enable-cbt
vbackup backup -r /srv/backup vsphere: --list vms_to_backup --server esx1 --user root --cacert ca.pem --dry-run
vbackup backup -r /srv/backup vsphere: --by-attribute BCK_FVM --due --report /var/log/backup.html --server vcenter.example.org --user …
vbackup backup -r /srv/backup 'nbd+unix:///web01?socket=/run/web01.sock' --bitmap since-last --fail-on-anomaly`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return b.run(cmd.Context(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&b.machine, "machine", "", "join all sources into the machine of this `NAME`")
	f.StringVar(&b.level, "level", ingest.Auto, "auto, full, inc, diff or copy; inc without a parent becomes a full")
	f.StringArrayVar(&b.tags, "tag", nil, "keep `K=V` with the points; may be given several times")
	f.StringSliceVar(&b.include, "include", nil, "capture these `DISK`s alone")
	f.StringSliceVar(&b.exclude, "exclude", nil, "leave these `DISK`s out")
	f.StringVar(&b.bitmap, "bitmap", "", "read what the dirty bitmap `NAME` of the NBD server calls changed")
	f.StringVar(&b.format, "format", "", "of the files: raw, qcow2, vmdk, vhdx or vdi (default by name and content)")
	f.Var(&b.rate, "limit-rate", "read no more than so many bytes a second from sources")
	f.IntVar(&b.workers, "workers", 0, "how many blocks to read and compress at once, of all machines (default one for each core, two for each of several machines)")
	f.BoolVar(&b.dryRun, "dry-run", false, "say what would be done and do nothing")
	f.BoolVar(&b.waitLock, "wait-lock", false, "wait for another backup of the machine to end")
	f.BoolVar(&b.audit, "audit", false, "compare all that change tracking calls unchanged, not a sample of it")
	f.BoolVar(&b.failOdd, "fail-on-anomaly", false, "exit with 3 when a point is out of its machine's ordinary; it is kept")
	complete(cmd, "level", levels...)
	f.StringVar(&b.whole.connect, "connect", "", "libvirt at this `URI` (default qemu:///system)")
	f.BoolVar(&b.whole.all, "all", false, "all domains of libvirt:, all machines of vsphere:")
	f.StringArrayVar(&b.whole.lists, "list", nil, "of libvirt: or vsphere: the machines that `FILE` names, one a line, as ghettoVCB's vms_to_backup; may be given several times")
	f.StringArrayVar(&b.whole.without, "exclude-machine", nil, "leave the machines out that `PATTERN` names; may be given several times")
	f.IntVar(&b.crowd.machines, "machines-at-once", 0, "capture so many machines side by side (default 4 of vsphere:, else 1)")
	f.IntVar(&b.crowd.host, "per-host", 0, "of these no more than so many that run on one host of VMware's (default 4)")
	f.IntVar(&b.crowd.store, "per-datastore", 0, "and no more than so many that lie on one datastore of VMware's (default 2)")
	f.StringArrayVar(&b.whole.freeze, "freeze-mountpoint", nil, "freeze the guest's file system at `PATH` alone; may be given several times")
	f.BoolVar(&b.whole.pause, "pause", false, "stop the guest for the instant of capture, in place of freezing its file systems")
	f.StringVar(&b.whole.consistency, "require-consistency", "", "capture nothing where this `LEVEL` is not reached: application or filesystem")
	f.StringVar(&b.whole.scratch, "scratch", "", "keep what guests overwrite meanwhile in this `DIR` of the machine's host (default /var/tmp)")
	complete(cmd, "require-consistency", ingest.Application, ingest.Filesystem)
	b.whole.vsphere.flags(f)
	f.StringVar(&b.whole.transport, "transport", "", "read VMware's disks by vddk, https or nfc (default the first of them that can)")
	f.BoolVar(&b.whole.enableCBT, "enable-cbt", false, "switch changed block tracking on where it is off and the machine has no snapshots")
	f.StringVar(&b.whole.vddk.LibDir, "vddk-libdir", "", "VMware's library VDDK is in this `DIR`")
	f.StringVar(&b.whole.vddk.Plugin, "vddk-plugin", "", "nbdkit's plugin for it, a `NAME` or a path (default vddk)")
	complete(cmd, "transport", vsphere.Transports...)
	b.whole.inventory.flags(cmd)
	f.StringArrayVar((*[]string)(&b.reports), "report", nil, "write a line for each machine to `FILE`, by its name .txt, .json or .html, or - for standard output; may be given several times")
	return cmd
}

// capturePlanned captures what the arguments mean, and gives what became of each machine; nil is that it did not come to that.
func (b *backup) capturePlanned(ctx context.Context, args []string) (outcomes []outcome, err error) {
	all, err := b.plan(ctx, args)
	if err != nil {
		return nil, wayIn(err)
	}
	err = b.app.WithRepository(ctx, 0, func(repo *index.Repository) error {
		left, waiting, err := b.waiting(ctx, repo, all)
		if err != nil {
			return err
		}
		if b.dryRun {
			return errors.Join(wayIn(b.rehearse(ctx, repo, left)), b.tellUnread(ctx))
		}
		start := time.Now()
		outcomes = append(b.captureAll(ctx, repo, left), waiting...)
		if err := ctx.Err(); err != nil {
			return err
		}
		return errors.Join(b.summary(outcomes, time.Since(start)), verdict(outcomes), b.tellUnread(ctx))
	})
	return outcomes, err
}

// plan reads the arguments.
func (b *backup) plan(ctx context.Context, args []string) ([]machine, error) {
	if err := b.checkFlags(); err != nil {
		return nil, err
	}
	var sources []source
	for _, arg := range args {
		s, err := parseSource(arg)
		if err != nil {
			return nil, err
		}
		if b.bitmap != "" && s.uri == "" {
			return nil, cli.Usage("%s: --bitmap is for NBD servers alone", s)
		}
		sources = append(sources, s)
	}
	if err := errors.Join(b.whole.check(sources), b.crowd.check(sources), b.whole.inventory.check(sources, b.tags)); err != nil {
		return nil, err
	}
	sources, err := b.everyone(ctx, sources)
	if err != nil {
		return nil, err
	}
	all, err := machines(sources, b.machine)
	if err != nil {
		return nil, err
	}
	return all, chooseDisks(all, b.include, b.exclude)
}

func (b *backup) checkFlags() error {
	if !slices.Contains(levels, b.level) {
		return cli.Usage("--level %q is none of %s", b.level, strings.Join(levels, ", "))
	}
	if b.workers < 0 || b.workers > 256 {
		return cli.Usage("--workers %d: between 1 and 256", b.workers)
	}
	for _, tag := range b.tags {
		if k, _, ok := strings.Cut(tag, "="); !ok || k == "" {
			return cli.Usage("--tag %q is not of the form K=V", tag)
		}
	}
	return nil
}

// capture captures one machine. There may be a point, without some of its disks, and an error as well.
func (f *fleet) capture(ctx context.Context, m *machine) (*format.Manifest, error) {
	if err := f.meet(ctx, m); err != nil {
		return nil, err
	}
	for {
		if f.waitLock {
			if err := f.wait(ctx, f.repo, m.name); err != nil {
				return nil, err
			}
		}
		p, err := ingest.Run(ctx, f.repo, ingest.Options{
			Machine: m.name, Level: f.level, Tool: f.app.Tool(), Host: hostname(), Tags: f.tagsOf(m), Disks: f.captured(*m), Source: m.source,
			Pool: f.pool, Audit: f.audit, Progress: m.progress,
		})
		if !f.waitLock || !errors.Is(err, index.ErrLocked) {
			return p, err
		}
	}
}

// waitEvery is how often it is looked whether another backup of the machine has ended.
const waitEvery = time.Second

// wait returns when nobody is at work on the machine. Somebody else may begin before we do.
func (b *backup) wait(ctx context.Context, repo *index.Repository, name string) error {
	for told := false; ; told = true {
		sessions, err := repo.Sessions(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(sessions, func(s *format.Session) bool { return s.Name == name && index.Alive(s) })
		if i < 0 {
			return nil
		}
		if s := sessions[i]; !told {
			b.app.Say("%s: waiting for process %d on %s", name, s.PID, s.Host)
		}
		select {
		case <-time.After(waitEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
