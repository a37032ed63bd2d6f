package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
	"vbfs/hyper/qemu"
	"vbfs/index"
	"vbfs/index/format"
	"vbfs/restore"
	"vbfs/restore/libvirt"
	vm "vbfs/restore/machine"
)

// libvirt restores a machine, or one disk of it.
func (r *restoring) libvirt(ctx context.Context, repo *index.Repository, p *format.Manifest, disk string) error {
	if disk != "" && !r.overwrite {
		return cli.Usage("one disk alone is restored to a machine that is there: say --overwrite, and name the machine with --name")
	}
	m, err := machineOf(ctx, repo, p, disk)
	if err != nil {
		return err
	}
	conn, err := hyper.Dial(ctx, r.machine.connect)
	if err != nil {
		return wayIn(err)
	}
	defer conn.Close()
	o := libvirt.Options{
		Name: r.machine.name, Storage: strings.Join(r.machine.storage, ""), Format: r.format, IDs: r.machine.ids(), Delta: r.machine.delta,
		PowerOn: r.machine.powerOn, Foresee: r.dryRun, Verify: r.verify, Progress: new(vm.Progress),
	}
	bring := libvirt.New
	if r.overwrite {
		bring = libvirt.Over
	}
	start := time.Now()
	made, err := r.watch(m, o.Progress, func() (*vm.Result, error) { return bring(ctx, conn, m, o) })
	if err != nil {
		return machineWayOut(fmt.Errorf("restore %s@%s to libvirt: %w", p.MachineName, p.Name, err))
	}
	said := "the domain " + named(made)
	if !r.machine.powerOn || made.Short != nil {
		said += ", which is shut off"
	}
	if err := r.machineSummary(p, made, said, restoredLine{Domain: made.Name}, time.Since(start)); err != nil {
		return err
	}
	return r.short(ctx, made, r.missing(ctx, p, disk))
}

// machineOf opens the images of a point, or one of them.
func machineOf(ctx context.Context, repo *index.Repository, p *format.Manifest, disk string) (m vm.Machine, err error) {
	m = vm.Machine{Repository: repo.ID(), Point: p, Alone: disk != ""}
	for i := range p.Disks {
		d := &p.Disks[i]
		if disk != "" && d.Name != disk || disk == "" && !d.HasImage() {
			continue
		}
		img, err := repo.Image(p, d.Name)
		if err != nil {
			return m, err
		}
		amount, err := restore.Survey(ctx, img)
		if err != nil {
			return m, err
		}
		m.Disks = append(m.Disks, vm.Disk{Record: d, Image: img, Amount: amount})
	}
	if disk != "" && len(m.Disks) == 0 {
		_, err := repo.Image(p, disk) // which says that there is none
		return m, err
	}
	return m, nil
}

// watch brings a machine back while its progress is shown.
func (r *restoring) watch(m vm.Machine, p *vm.Progress, bring func() (*vm.Result, error)) (made *vm.Result, err error) {
	err = r.app.During(r.work(m, p), func() (err error) {
		made, err = bring()
		return err
	})
	return made, err
}

// work is the bytes of data to be written, and of all to be read back.
func (r *restoring) work(m vm.Machine, p *vm.Progress) cli.Work {
	total := int64(0)
	for _, d := range m.Disks {
		total += d.Amount.Data
		if r.verify {
			total += d.Amount.Data + d.Amount.Zero
		}
	}
	return cli.Work{Name: m.Point.MachineName, Total: func() int64 { return total }, Done: p.Done}
}

// missing tells of disks that the point failed to capture: the machine is there without them.
func (r *restoring) missing(ctx context.Context, p *format.Manifest, disk string) error {
	if p.Complete() || disk != "" {
		return nil
	}
	for i := range p.Disks {
		if d := &p.Disks[i]; d.State == format.DiskFailed {
			r.app.Tell(ctx, r.at(fmt.Errorf("disk %s is not restored: the point does not have it: %s", d.Name, d.Reason)))
		}
	}
	return cli.Told(cli.Partly)
}

// machineSummary tells what was restored; line says, for scripts, what of the machine.
func (r *restoring) machineSummary(p *format.Manifest, made *vm.Result, said string, line restoredLine, took time.Duration) error {
	if line.List = r.where; r.dryRun {
		return r.foretell(p, made, said, line)
	}
	for _, n := range made.Notes {
		r.app.Warn("%s: %s", made.Name, n)
	}
	if r.app.Flags.JSON {
		return r.app.Line(line.of(p, made, r.verify, took))
	}
	verified := ""
	if r.verify {
		verified = " and verified"
	}
	for _, d := range made.Disks {
		r.app.Say("%s, %s, was %s: %s, of which %s data; %s written", d.Name, d.Path, d.How, cli.Size(d.Size), cli.Size(d.Data), cli.Size(d.Written))
	}
	r.app.Say("restored%s %s@%s to %s, in %s", verified, p.MachineName, p.Name, said, cli.Took(took))
	return nil
}

// A restoredLine is the summary of a restored machine.
type restoredLine struct {
	Type     string         `json:"type"`           // summary, or of a list restored
	List     string         `json:"list,omitempty"` // FILE:LINE
	Point    string         `json:"point"`
	Domain   string         `json:"domain,omitempty"`  // of libvirt
	Machine  string         `json:"machine,omitempty"` // of others
	Folder   string         `json:"folder,omitempty"`  // of VMware's files
	Path     string         `json:"path,omitempty"`    // in VMware's inventory
	UUID     string         `json:"uuid"`
	Disks    []restoredDisk `json:"disks"`
	Verified bool           `json:"verified"`
	Seconds  float64        `json:"seconds"`
	Warnings []string       `json:"warnings,omitempty"`
	Short    []string       `json:"not_done,omitempty"` // of what was asked for
}

type restoredDisk struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Format  string `json:"format"`
	How     string `json:"how"`
	Size    int64  `json:"size_bytes"`
	Data    int64  `json:"data_bytes"`
	Written int64  `json:"written_bytes"`
}

func (l restoredLine) of(p *format.Manifest, made *vm.Result, verified bool, took time.Duration) restoredLine {
	if l.Type = "summary"; l.List != "" {
		l.Type = "restored"
	}
	l.Point, l.UUID, l.Verified = p.Point.String(), made.UUID, verified
	l.Seconds, l.Warnings, l.Short = took.Seconds(), made.Notes, made.Short
	for _, d := range made.Disks {
		l.Disks = append(l.Disks, restoredDisk{d.Name, d.Path, d.Format, d.How, d.Size, d.Data, d.Written})
	}
	return l
}

// machineWaysOut of what hinders the restore of a machine.
var machineWaysOut = []remedy{
	{vm.ErrHalf, "restore it again before the machine is started"},
	{vm.ErrNoDefinition, "restore its disks one by one: vbackup restore POINT:DISK TARGET"},
	{vm.ErrExists, "give another one with --name, leave --keep-ids out, or put the machine that is there back with --overwrite"},
	{vm.ErrRuns, "shut it down first, with: virsh shutdown; or make another machine with --name and --storage"},
	{vm.ErrSnapshots, "or make another machine of the point with --name and --storage"},
	{vm.ErrOther, "restore a new machine with --name and --storage, or that disk to a file"},
	{libvirt.ErrRemote, "make a new machine there with --name and --storage POOL, or run vbackup on that host, with the repository within reach"},
	{vm.ErrNoStorage, "name a directory that exists, as in --storage /var/lib/libvirt/images, or an active pool of type dir, fs or netfs"},
	{qemu.ErrInUse, "shut down the machine that has it"},
	{restore.ErrExists, "take another --name or --storage: files that are there are never replaced by a new machine's"},
	{restore.ErrNoSpace, "make room there, or take another --storage; --overwrite --delta needs no room for second copies"},
}

func machineWayOut(err error) error {
	if err, ok := remedied(err, machineWaysOut); ok {
		return err
	}
	return wayIn(wayOut(err))
}
