package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"vbfs/cmd/internal/cli"
	"vbfs/hyper/vsphere/spec"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/target"
	"vbfs/restore/vmware"
	"vbfs/restore/vsphere"
)

// A restoring is the command and its flags.
type restoring struct {
	app       *cli.App
	format    string
	overwrite bool
	verify    bool
	dryRun    bool
	list      string // a file
	machine   machineFlags
	vmware    vmwareFlags

	where string // FILE:LINE, of a restore that is one of a list
}

func restoreCommand(app *cli.App) *cobra.Command {
	r := &restoring{app: app}
	cmd := &cobra.Command{
		Use:   "restore POINT[:DISK]|--list FILE TARGET",
		Short: "Bring a disk of a point back",
		Long: `Bring a disk back to a TARGET: a file (.raw, .qcow2, .vmdk), a block device, an NBD server (nbd://…), or - for raw
bytes on standard output. A file appears under its name when it is complete. How a POINT is named, see show.

With libvirt: as TARGET a whole machine comes back: as a new one, whose images are made in the directory or storage pool of
--storage; or, with --overwrite, as the shut-off domain that is there already, whose definition stays. A new machine keeps its
UUID and network addresses when it comes back under its own name and no other has them. With --delta only what differs is
written, into the images as they are.

With --connect qemu+ssh://USER@HOST/system or qemu+tls://HOST/system the new machine is made on another host, by libvirt alone: its
images and files are volumes of the storage pool of --storage, or of the pool whose directory is named. What cannot be seen of that
host from here is told. --overwrite is for the host itself.

With vsphere:PATH as TARGET it becomes a machine of VMware's. PATH is the new machine's, /DC/vm/folder/NAME, or a folder's, or
empty: then it comes back where it was. Folders are made as needed. Its datastores, networks, cluster or host and pool are the
recorded ones, if they are there, else the only ones, else to be named. Disks go through VMware's library VDDK where that is
installed, else as streams (nfc). With --overwrite, PATH names a machine that is there, off and without snapshots, as for backup;
empty is the recorded one, by its instance UUID.

With vmware:DIR as TARGET it becomes a folder of VMware's files in DIR, for any host: a .vmx with disks that are thin, flat or
2gbsparse, or with --format streamOptimized an OVF. The folder appears when it is complete. With --overwrite it replaces one of its
name, if nothing but the files of a machine that is off is in it.

With --list whole machines come back, each a line of a file, as ghettoVCB's vms_to_restore has it:

  POINT;STORAGE;FORMAT;NAME

What is behind POINT may be missing, and then is what flags say, or the default. POINT may also be a folder or archive of
ghettoVCB's that was imported, …/web01/web01-2026-11-04_14-23-28. STORAGE is a datastore, also as /vmfs/volumes/DATASTORE; of libvirt: a
directory or pool; of vmware: the directory, in place of DIR. FORMAT is a name, or ghettoVCB's 1 (zeroedthick), 2 (2gbsparse),
3 (thin), 4 (eagerzeroedthick). Quotes count for nothing, lines that begin with # neither. The PATH of vsphere:PATH is a folder then;
with --overwrite, NAME is the machine that is there. A line that fails is named, and does not keep the others from it.

With --dry-run nothing is made: it tells what would be, as far as that can be told before anything is written.`,
		Example: `vbackup restore -r /srv/backup web01 /tmp/web01.qcow2
vbackup restore -r /srv/backup db01@2026-11-19:vdb /dev/vg0/restored --overwrite --verify
vbackup restore -r /srv/backup web01@latest - | ssh host 'cat > web01.raw'
vbackup restore -r /srv/backup web01@2026-11-19 libvirt: --name web01-old --storage default
vbackup restore -r /srv/backup web01@latest libvirt: --connect qemu+ssh://root@kvm2/system --storage default --verify
vbackup restore -r /srv/backup web01@latest libvirt: --overwrite --delta
vbackup restore -r /srv/backup web01@latest vsphere:/DC/vm/restored/web01-old --server vcenter --user backup@vsphere.local --network 'VM Network=Test'
vbackup restore -r /srv/backup web01@latest vsphere: --server vcenter --user backup@vsphere.local --overwrite --delta
vbackup restore -r /srv/backup web01@latest vmware:/srv/export --format streamOptimized --verify
vbackup restore -r /srv/backup --list vms_to_restore vsphere:/DC/vm/restored --server vcenter --user backup@vsphere.local --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if r.list != "" {
				return cobra.ExactArgs(1)(cmd, args)
			}
			return cobra.ExactArgs(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			defer r.vmware.server.close()
			if r.list != "" {
				return r.all(cmd.Context(), args[0])
			}
			return r.run(cmd.Context(), args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.BoolVar(&r.overwrite, "overwrite", false, "replace what the target holds")
	f.BoolVar(&r.verify, "verify", false, "read the target back and compare")
	f.BoolVar(&r.dryRun, "dry-run", false, "make nothing, and tell what would be made")
	f.StringVar(&r.list, "list", "", "restore the machines that `FILE` names, one a line, as ghettoVCB's vms_to_restore: to libvirt:, vsphere:FOLDER or vmware:DIR")
	f.StringVar(&r.format, "format", "", "of the file: raw, qcow2 or vmdk (default by its name); of VMware's disks: thin, zeroedthick or eagerzeroedthick (default as it was); of its files: thin, flat, 2gbsparse or streamOptimized (default thin)")
	complete(cmd, "format", append(append([]string{"raw", "qcow2", "vmdk"}, spec.Formats...), vmware.Formats()...)...)
	r.machine.add(f)
	r.vmware.add(f)
	complete(cmd, "transport", vsphere.Transports...)
	return cmd
}

func (r *restoring) run(ctx context.Context, point, to string) error {
	if err := r.check(to); err != nil {
		return err
	}
	s := index.ParseSelector(point)
	return r.app.WithRepository(ctx, 0, func(repo *index.Repository) error {
		p, err := cli.Point(ctx, repo, s)
		if err != nil {
			return err
		}
		if forMachines(to) {
			return r.machineTo(ctx, repo, p, s.Disk, to)
		}
		if s.Disk, err = onlyDisk(p, s); err != nil {
			return err
		}
		img, err := repo.Image(p, s.Disk)
		if err != nil {
			return err
		}
		return r.disk(ctx, p, img, to)
	})
}

// forMachines tells whether a target is of whole machines.
func forMachines(to string) bool {
	return to == toLibvirt || strings.HasPrefix(to, toVSphere) || strings.HasPrefix(to, toFolder)
}

// machineTo restores a machine, or one disk of it.
func (r *restoring) machineTo(ctx context.Context, repo *index.Repository, p *format.Manifest, disk, to string) error {
	if path, ok := strings.CutPrefix(to, toVSphere); ok {
		return r.vsphere(ctx, repo, p, disk, path)
	}
	if dir, ok := strings.CutPrefix(to, toFolder); ok {
		return r.folder(ctx, repo, p, disk, dir)
	}
	return r.libvirt(ctx, repo, p, disk)
}

// check refuses what cannot be, before the repository is opened.
func (r *restoring) check(to string) error {
	if strings.HasPrefix(to, toVSphere) {
		return r.checkVSphere()
	}
	if dir, ok := strings.CutPrefix(to, toFolder); ok {
		return r.checkFolder(dir)
	}
	if r.vmware.said() {
		return cli.Usage("--server, --user, --thumbprint, --cacert, --insecure, --cluster, --host, --pool, --network, --transport and --vddk-… are for the target vsphere: alone")
	}
	if r.format != "" && !slices.Contains([]string{"raw", "qcow2", "vmdk"}, r.format) {
		return cli.Usage("--format %q is none of raw, qcow2 and vmdk", r.format)
	}
	if err := r.machine.check(to, r.format, r.overwrite); err != nil {
		return err
	}
	if r.dryRun && (to == "-" || strings.Contains(to, "://")) {
		return cli.Usage("--dry-run is for files, libvirt:, vsphere: and vmware:")
	}
	if to != "-" {
		return nil
	}
	switch {
	case r.app.Flags.JSON:
		return cli.Usage("the disk and --json cannot both go to standard output")
	case r.verify:
		return cli.Usage("standard output cannot be read back: leave --verify out")
	case r.format != "" && r.format != "raw":
		return cli.Usage("only raw bytes can go to standard output")
	case term.IsTerminal(int(os.Stdout.Fd())):
		return cli.Usage("standard output is a terminal: send the disk to a file or a program")
	}
	return nil
}

// onlyDisk gives the disk that the selector names, or the only one that was to be captured.
func onlyDisk(p *format.Manifest, s index.Selector) (string, error) {
	if s.Disk != "" {
		return s.Disk, nil
	}
	if d, ok := p.Only(); ok {
		return d.Name, nil
	}
	var names []string
	for i := range p.Disks {
		names = append(names, p.Disks[i].Name)
	}
	return "", cli.Usage("%s@%s has the disks %s: add one of them, as in %s:DISK", p.MachineName, p.Name,
		strings.Join(names, ", "), s)
}

func (r *restoring) disk(ctx context.Context, p *format.Manifest, img *index.Image, to string) error {
	amount, err := restore.Survey(ctx, img)
	if err != nil {
		return err
	}
	if r.dryRun {
		return r.foretellFile(p, img, to, amount)
	}
	start := time.Now()
	var progress restore.Progress
	o := restore.Options{Verify: r.verify, Progress: &progress}
	var copied func() error
	if to == "-" {
		copied = func() error { return restore.CopyStream(ctx, img, r.app.Stdout(), o) }
	} else {
		spec := restore.Spec{Size: img.Size(), Data: amount.Data, Format: r.format, Overwrite: r.overwrite}
		t, err := target.Open(ctx, to, spec)
		if err != nil {
			return wayOut(fmt.Errorf("restore to %s: %w", to, err))
		}
		copied = func() error { return restore.Copy(ctx, img, t, o) }
	}
	if err := r.during(to, amount, &progress, copied); err != nil {
		return wayOut(fmt.Errorf("restore %s@%s:%s to %s: %w", p.MachineName, p.Name, img.Disk().Name, to, err))
	}
	return r.summary(p, img, to, amount, time.Since(start))
}

// waysOut of what hinders a restore.
var waysOut = []remedy{
	{restore.ErrExists, "take another target, or replace what it holds with --overwrite"},
	{restore.ErrTooSmall, "take a target of the disk's size or more: see vbackup show"},
	{restore.ErrNoSpace, "make room there, or take another target"},
	{restore.ErrInUse, "unmount it first"},
	{restore.ErrNoReread, "leave --verify out"},
}

func wayOut(err error) error {
	if errors.Is(err, restore.ErrUnsupported) {
		return cli.Usage("%w", err)
	}
	err, _ = remedied(err, waysOut)
	return err
}

// during shows progress while do runs: in bytes of data written, and of all bytes read back.
func (r *restoring) during(to string, amount restore.Amount, p *restore.Progress, do func() error) error {
	total := amount.Data
	if r.verify {
		total += amount.Data + amount.Zero
	}
	return r.app.During(cli.Work{
		Name:  to,
		Total: func() int64 { return total },
		Done:  func() int64 { return p.Data.Load() + p.Verified.Load() },
	}, do)
}

func (r *restoring) summary(p *format.Manifest, img *index.Image, to string, a restore.Amount, took time.Duration) error {
	if r.app.Flags.JSON {
		return r.app.Line(struct {
			Type     string  `json:"type"`
			Point    string  `json:"point"`
			Disk     string  `json:"disk"`
			Target   string  `json:"target"`
			Size     int64   `json:"size_bytes"`
			Data     int64   `json:"data_bytes"`
			Verified bool    `json:"verified"`
			Seconds  float64 `json:"seconds"`
		}{"summary", p.Point.String(), img.Disk().Name, to, img.Size(), a.Data, r.verify, took.Seconds()})
	}
	verified := ""
	if r.verify {
		verified = " and verified"
	}
	r.app.Say("restored%s %s@%s:%s to %s: %s, of which %s data, in %s", verified, p.MachineName, p.Name, img.Disk().Name, to,
		cli.Size(img.Size()), cli.Size(a.Data), cli.Took(took))
	return nil
}
