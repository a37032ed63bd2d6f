package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/restore"
	vm "vbfs/restore/machine"
	"vbfs/restore/vmdk"
	"vbfs/restore/vmware"
)

// toFolder begins the target that is a folder of VMware's files.
const toFolder = "vmware:"

// checkFolder refuses what does not go together.
func (r *restoring) checkFolder(dir string) error {
	m := &r.machine
	switch {
	case dir == "":
		return cli.Usage("name the directory that the machine's folder is to be made in, as in vmware:/srv/vmware")
	case r.vmware.said() || m.connect != "" || m.storage != nil || m.delta || m.powerOn:
		return cli.Usage("a folder of VMware's files is written without a server: beside it go --format, --name, --keep-ids, --new-ids, --overwrite, --verify and --dry-run")
	case m.keepIDs && m.newIDs:
		return cli.Usage("--keep-ids and --new-ids are each other's opposite")
	case r.format != "" && !slices.Contains(vmware.Formats(), r.format):
		return cli.Usage("disks of such a folder are %s, not %s", strings.Join(vmware.Formats(), ", "), r.format)
	}
	return nil
}

// folder restores a machine to a folder of VMware's files.
func (r *restoring) folder(ctx context.Context, repo *index.Repository, p *format.Manifest, disk, dir string) error {
	if disk != "" {
		return cli.Usage("a folder of VMware's files is of a whole machine: leave :%s out; or restore that disk to a file: vbackup restore %s@%s:%s FILE.vmdk",
			disk, p.MachineName, p.Name, disk)
	}
	m, err := machineOf(ctx, repo, p, "")
	if err != nil {
		return err
	}
	o := vmware.Options{
		Dir: dir, Name: r.machine.name, Format: r.format, IDs: r.machine.ids(), Overwrite: r.overwrite, Verify: r.verify, Foresee: r.dryRun, Progress: new(vm.Progress),
	}
	start := time.Now()
	made, err := r.watch(m, o.Progress, func() (*vm.Result, error) { return vmware.New(ctx, m, o) })
	if err != nil {
		return folderWayOut(fmt.Errorf("restore %s@%s to %s: %w", p.MachineName, p.Name, dir, err))
	}
	at := filepath.Dir(made.Disks[0].Path)
	if err := r.machineSummary(p, made, "the folder "+at, restoredLine{Machine: made.Name, Folder: at}, time.Since(start)); err != nil {
		return err
	}
	return r.missing(ctx, p, "")
}

// folderWaysOut of what hinders the restore to a folder.
var folderWaysOut = []remedy{
	{vm.ErrNoDefinition, "restore its disks one by one: vbackup restore POINT:DISK FILE.vmdk"},
	{vm.ErrBadDefinition, "the point was damaged, or made by a newer release: restore its disks one by one: vbackup restore POINT:DISK FILE.vmdk"},
	{vm.ErrRuns, "shut the machine down first; or take another --name"},
	{vm.ErrSnapshots, "remove them first, for they are lost with the folder; or take another --name"},
	{vmware.ErrForeign, "move it away, for it is lost with the folder; or take another --name"},
	{vmdk.ErrTooLarge, "take --format thin"},
	{restore.ErrExists, "take another --name, or replace that folder with --overwrite"},
	{restore.ErrNoSpace, "make room there, or take --format thin, 2gbsparse or streamOptimized, which need it for data alone"},
	{fs.ErrNotExist, "make the directory first"},
}

func folderWayOut(err error) error {
	if err, ok := remedied(err, folderWaysOut); ok {
		return err
	}
	return wayOut(err)
}
