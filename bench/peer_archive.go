package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// restic is restic at work on a repository.
func (l *lab) restic(ctx context.Context, repo string, args ...string) *exec.Cmd {
	cmd := command(ctx, "restic", append([]string{"-q", "-r", repo, "--cache-dir", filepath.Join(l.scratch, "restic-cache")}, args...)...)
	cmd.Env = append(os.Environ(), "RESTIC_PASSWORD="+password)
	return cmd
}

// resticRepo makes a repository; with full, it holds the image.
func (l *lab) resticRepo(ctx context.Context, full bool) (string, error) {
	repo := l.path("restic")
	err := finish(l.restic(ctx, repo, "init"))
	if err == nil && full {
		err = finish(l.restic(ctx, repo, "backup", l.disk.path))
	}
	return repo, err
}

func (l *lab) resticFull(ctx context.Context) (float64, error) {
	repo, err := l.resticRepo(ctx, false)
	defer os.RemoveAll(repo)
	if err != nil {
		return 0, err
	}
	return timed(l.restic(ctx, repo, "backup", l.disk.path))
}

func (l *lab) borg(ctx context.Context, args ...string) *exec.Cmd {
	cmd := command(ctx, "borg", args...)
	cmd.Env = append(os.Environ(), "BORG_BASE_DIR="+filepath.Join(l.scratch, "borg-base"),
		"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes")
	return cmd
}

// borgFull cuts as we do, and does not encrypt.
func (l *lab) borgFull(ctx context.Context) (float64, error) {
	repo := l.path("borg")
	defer os.RemoveAll(repo)
	if err := finish(l.borg(ctx, "init", "--encryption", "none", repo)); err != nil {
		return 0, err
	}
	return timed(l.borg(ctx, "create", "--compression", "lz4", "--chunker-params", "fixed,65536", "--sparse",
		repo+"::full", l.disk.path))
}
