package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	rpc "github.com/digitalocean/go-libvirt"
	xml "libvirt.org/go/libvirtxml"
)

// A Backup is a job that holds disks as they are at its beginning, and serves them over NBD: libvirt, docs/formatbackup, pull mode.
type Backup struct {
	// Socket is the Unix socket that the server listens on, on the daemon's host. Empty is TCP with TLS.
	Socket string

	// Name and Port are where the server listens with TLS; the certificates are those that libvirt's qemu.conf names.
	Name string
	Port int

	// Checkpoint is the one to make at the same instant, of the disks that are to be marked; empty is none.
	Checkpoint string

	// Disks are all that the domain has.
	Disks []BackupDisk
}

// A BackupDisk is a disk in a Backup. The server offers it under its target's name.
type BackupDisk struct {
	Target  string
	Scratch string // file that is made for what the guest overwrites; empty leaves the disk out
	Since   string // checkpoint since which changes are wanted, in the bitmap Changes(Target); empty is none
	Mark    bool   // it is in the checkpoint to make
}

// Changes is the name of the bitmap of a disk's changes in the server.
func Changes(target string) string { return "backup-" + target }

// Begin starts the job. An error says that it does not run, unless it is one of time or of the connection.
func (d *Domain) Begin(ctx context.Context, b Backup) error {
	job, err := b.job()
	if err != nil {
		return d.wrap("backup of", err)
	}
	var checkpoint rpc.OptString
	if b.Checkpoint != "" {
		text, err := b.checkpoint()
		if err != nil {
			return d.wrap("checkpoint of", err)
		}
		checkpoint = rpc.OptString{text}
	}
	return d.wrap("begin backup of", say(ctx, d.conn, func(l *rpc.Libvirt) error { return l.DomainBackupBegin(d.raw, job, checkpoint, 0) }))
}

func (b *Backup) job() (string, error) {
	server := &xml.DomainBackupPullServer{UNIX: &xml.DomainBackupPullServerUNIX{Socket: b.Socket}}
	if b.Socket == "" {
		server = &xml.DomainBackupPullServer{TLS: "yes", TCP: &xml.DomainBackupPullServerTCP{Name: b.Name, Port: uint(b.Port)}}
	}
	disks := &xml.DomainBackupPullDisks{}
	for _, d := range b.Disks {
		disks.Disks = append(disks.Disks, d.job())
	}
	def := xml.DomainBackup{Pull: &xml.DomainBackupPull{Server: server, Disks: disks}}
	return def.Marshal()
}

func (d *BackupDisk) job() xml.DomainBackupPullDisk {
	if d.Scratch == "" {
		return xml.DomainBackupPullDisk{Name: d.Target, Backup: "no"}
	}
	out := xml.DomainBackupPullDisk{
		Name: d.Target, Backup: "yes", BackupMode: "full", ExportName: d.Target,
		Scratch: &xml.DomainDiskSource{File: &xml.DomainDiskSourceFile{File: d.Scratch}},
	}
	if d.Since != "" {
		out.BackupMode, out.Incremental, out.ExportBitmap = "incremental", d.Since, Changes(d.Target)
	}
	return out
}

func (b *Backup) checkpoint() (string, error) {
	def := xml.DomainCheckpoint{Name: b.Checkpoint, Disks: &xml.DomainCheckpointDisks{}}
	for _, d := range b.Disks {
		disk := xml.DomainCheckpointDisk{Name: d.Target, Checkpoint: "no"}
		if d.Mark {
			disk.Checkpoint = "bitmap"
		}
		def.Disks.Disks = append(def.Disks.Disks, disk)
	}
	return def.Marshal()
}

// A Job is what a domain is busy with.
type Job struct {
	Socket  string   // of a backup's server; empty with TCP, and of other jobs
	Scratch []string // files of a backup
	What    string   // for people
}

// Job tells what the domain is busy with, nil for nothing.
func (d *Domain) Job(ctx context.Context) (*Job, error) {
	text, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (string, error) { return l.DomainBackupGetXMLDesc(d.raw, 0) })
	switch {
	case err == nil:
		return parseJob(text)
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrNoDomain):
		return nil, nil
	case !errors.Is(err, errNoBackup):
		return nil, d.wrap("backup job of", err)
	}
	kind, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (rpc.DomainJobType, error) {
		kind, _, err := l.DomainGetJobStats(d.raw, 0)
		return rpc.DomainJobType(kind), err
	})
	switch {
	case errors.Is(err, ErrInvalid), err == nil && kind == rpc.DomainJobNone:
		return nil, nil
	case err != nil:
		return nil, d.wrap("job of", err)
	}
	return &Job{What: "a job that is no backup (`virsh domjobinfo " + d.Name() + "` tells which)"}, nil
}

func parseJob(text string) (*Job, error) {
	var def xml.DomainBackup
	if err := def.Unmarshal(text); err != nil {
		return nil, fmt.Errorf("backup job: %w: %w", ErrProtocol, err)
	}
	j := &Job{What: "a backup"}
	if def.Pull == nil {
		return j, nil
	}
	if s := def.Pull.Server; s != nil && s.UNIX != nil {
		j.Socket = s.UNIX.Socket
		j.What = "a backup with the socket " + j.Socket
	}
	if def.Pull.Disks == nil {
		return j, nil
	}
	for _, d := range def.Pull.Disks.Disks {
		if d.Scratch != nil && d.Scratch.File != nil {
			j.Scratch = append(j.Scratch, d.Scratch.File.File)
		}
	}
	return j, nil
}

// endPoll is how often it is asked whether a job has ended: QEMU takes some 10 ms.
const endPoll = 10 * time.Millisecond

// End ends the domain's backup job when mine says that it is the one meant, and waits until it is gone, with its scratch
// files. It tells whether there was such a job.
func (d *Domain) End(ctx context.Context, mine func(*Job) bool) (bool, error) {
	for there := false; ; there = true {
		j, err := d.Job(ctx)
		if err != nil || j == nil || !mine(j) {
			return there, err
		}
		if !there {
			_, err = ask(ctx, d.conn, func(l *rpc.Libvirt) (struct{}, error) { return struct{}{}, l.DomainAbortJob(d.raw) })
			if err != nil && !errors.Is(err, ErrInvalid) {
				return true, d.wrap("end backup of", err)
			}
		}
		select {
		case <-ctx.Done():
			return true, d.wrap("end backup of", context.Cause(ctx))
		case <-time.After(endPoll):
		}
	}
}
