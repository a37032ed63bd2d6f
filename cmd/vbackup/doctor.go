package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/libvirt"
	"vbfs/index"
	"vbfs/libnbd"
)

// A finding is what one examination came to.
type finding struct {
	Type string `json:"type"`
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"message"`
	Hint string `json:"hint,omitempty"`
}

func doctorCommand(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Tell what is installed, reachable and allowed, and what to do about what is not",
		Long: `Tell what is installed, reachable and allowed, and what to do about what is not. Only a repository that cannot be
opened makes the exit code other than 0: everything else is needed for some sources and targets alone.`,
		Example: `vbackup doctor
vbackup doctor -r /srv/backup`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return examine(cmd.Context(), app) },
	}
}

func examine(ctx context.Context, app *cli.App) error {
	findings := []finding{
		tool("qemu-nbd", "qemu-utils", "reads and writes qcow2, vmdk, vhdx and vdi"),
		tool("qemu-img", "qemu-utils", "tells what images stand on"),
		tool("qemu-storage-daemon", "qemu-system-common", "captures what changed in machines of libvirt that are shut off"),
		tool("nbdkit", "nbdkit", "with its vddk plugin and VMware's VDDK it reads disks of vSphere that have snapshots; ranges of files need none of it"),
		library(),
		daemon(ctx),
		device("/dev/fuse", os.O_RDWR, "mounts: load the module with modprobe fuse, and run as root or in its group"),
		tool("fusermount3", "fuse3", "mounts for users other than root"),
	}
	repository, err := openable(ctx, app)
	if repository != nil {
		findings = append(findings, *repository)
	}
	if app.Flags.JSON {
		return errors.Join(findingLines(app, findings), err)
	}
	t := app.Table("WHAT", "STATE", "WHAT TO DO")
	for _, f := range findings {
		t.Row(f.What, f.Says, f.Hint)
	}
	return errors.Join(t.Print(), err)
}

func findingLines(app *cli.App, findings []finding) error {
	bad := 0
	for _, f := range findings {
		if !f.OK {
			bad++
		}
		if err := app.Line(f); err != nil {
			return err
		}
	}
	return app.Line(struct {
		Type     string `json:"type"`
		Findings int    `json:"findings"`
		Bad      int    `json:"bad"`
	}{"summary", len(findings), bad})
}

func tool(name, debian, use string) finding {
	path, err := exec.LookPath(name)
	if err != nil {
		return finding{"finding", name, false, "not installed", fmt.Sprintf("apt install %s: %s", debian, use)}
	}
	return finding{"finding", name, true, path, ""}
}

func library() finding {
	h, err := libnbd.Create()
	if err != nil {
		return finding{"finding", "libnbd", false, err.Error(), "it captures from NBD servers and images: build with cgo and libnbd-dev"}
	}
	if err := h.Close(); err != nil {
		return finding{"finding", "libnbd", false, err.Error(), ""}
	}
	return finding{"finding", "libnbd", true, "linked", ""}
}

// daemon tells of the libvirt of this host.
func daemon(ctx context.Context) finding {
	conn, err := hyper.Dial(ctx, "")
	if err != nil {
		return finding{"finding", "libvirt", false, "not reached", "it captures libvirt: " + err.Error()}
	}
	defer conn.Close()
	libvirt, qemu, err := conn.Versions(ctx)
	if err != nil {
		return finding{"finding", "libvirt", false, err.Error(), ""}
	}
	return finding{"finding", "libvirt", true, fmt.Sprintf("reached, version %s with QEMU %s", libvirt, qemu), ""}
}

func device(path string, flag int, hint string) finding {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return finding{"finding", path, false, err.Error(), hint}
	}
	f.Close()
	return finding{"finding", path, true, "may be opened", ""}
}

// openable tells of the repository, when one is named. It is nil when none is.
func openable(ctx context.Context, app *cli.App) (*finding, error) {
	place, err := app.Place()
	if err != nil {
		return nil, nil
	}
	f := &finding{Type: "finding", What: "repository " + place}
	err = app.WithRepository(ctx, 0, func(repo *index.Repository) error {
		points, err := repo.Points(ctx)
		if err != nil {
			return err
		}
		sealed, err := repo.AppendOnly(ctx)
		if err != nil {
			return err
		}
		f.OK = true
		f.Says = fmt.Sprintf("%d points, compression %s, encrypted %t", len(points), repo.Config().Compression,
			repo.Config().Encrypted)
		if sealed {
			f.Says, f.Hint = f.Says+", append-only here", "run forget and prune where it may delete"
		}
		return nil
	})
	if err != nil {
		f.Says = "cannot be opened"
	}
	return f, err
}
