package libvirt

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	hyper "vbfs/hyper/libvirt"
	"vbfs/restore/machine"
)

// files puts back what of the machine lies outside of its disks: what its firmware and its TPM remember.
func (old *oldMachine) files() error {
	if old.m.Alone {
		return nil
	}
	for _, f := range bootFiles(old.now.OS) {
		there, err := os.ReadFile(*f.path)
		if content := old.m.Config(f.kind); content != nil && f.kind != kindLoader && (err != nil || !bytes.Equal(there, content)) {
			old.note("its %s %s is not what it was at the point, and stays", f.kind, *f.path)
		}
	}
	if err := old.nvram(); err != nil {
		return err
	}
	return old.tpm()
}

func (old *oldMachine) nvram() error {
	content, path := old.m.Config(kindNVRAM), nvramPath(old.now.OS)
	switch {
	case content == nil && old.now.OS.NVRam != nil:
		old.note("its NVRAM stays as it is: the point has none")
		return nil
	case content == nil:
		return nil
	case path == "":
		old.note("its NVRAM is not put back: its definition names no file for it")
		return nil
	}
	before, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old.undo.File(path)
	case err != nil:
		return err
	default:
		old.undo.Add(func(context.Context) error { return putFile(path, before, true) })
	}
	return putFile(path, content, true)
}

func (old *oldMachine) tpm() error {
	version, archive := tpmVersion(old.now), old.m.Config(kindTPM)
	switch {
	case version == "":
		return nil
	case archive == nil:
		old.note("the state of its TPM stays as it is: the point has none")
		return nil
	}
	dir := tpmDir(old.conn, old.now, old.domain.UUID())
	aside := filepath.Join(filepath.Dir(dir), ".replaced-"+filepath.Base(dir))
	err := os.Rename(dir, aside)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		old.undo.Add(func(context.Context) error { return os.Rename(aside, dir) })
	}
	old.undo.Add(func(context.Context) error { return os.RemoveAll(dir) })
	old.aside = append(old.aside, aside)
	return putTPM(archive, dir, version)
}

// settle is after all has taken effect: no error of it makes the restore a failure.
func (old *oldMachine) settle(ctx context.Context, jobs []*job) {
	for _, aside := range old.aside {
		if err := os.RemoveAll(aside); err != nil {
			old.note("what was replaced is left: %v", err)
		}
	}
	if err := old.forget(ctx, jobs); err != nil {
		old.note("checkpoints are left whose dirty bitmaps are gone: %v", err)
	}
}

// forget has libvirt forget checkpoints of ours whose bitmaps went with the images that were replaced. A checkpoint without
// its bitmap is never taken for one: libvirt and QEMU refuse it.
func (old *oldMachine) forget(ctx context.Context, jobs []*job) error {
	checkpoints, err := old.domain.Checkpoints(ctx)
	if err != nil {
		return err
	}
	var others []string
	for _, c := range checkpoints {
		gone := lostOf(c, jobs)
		switch {
		case gone == 0:
		case !strings.HasPrefix(c.Name, "vbfs-"+old.m.Repository.String()+"-"):
			others = append(others, c.Name)
		case gone == len(c.Disks):
			if err := old.domain.ForgetCheckpoint(ctx, c.Name); err != nil {
				return err
			}
		}
	}
	if others != nil {
		old.note("the dirty bitmaps of checkpoints of others are gone with the images that were replaced: %s", list(others))
	}
	return nil
}

// lostOf counts the disks whose bitmap of a checkpoint is gone.
func lostOf(c hyper.Checkpoint, jobs []*job) (n int) {
	for _, j := range jobs {
		if (j.how == machine.Replaced || j.how == machine.Made) && slices.Contains(c.Disks, j.disk.Record.Name) {
			n++
		}
	}
	return n
}
