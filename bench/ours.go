package main

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	password = "correct horse battery staple"
	machine  = "disk" // the machine is called as its image
	diskName = "disk0"
)

// ours is one of our programs, at work on a repository.
func (l *lab) ours(ctx context.Context, program, repo string, args ...string) *exec.Cmd {
	verb, rest := args[0], args[1:]
	cmd := command(ctx, filepath.Join(l.scratch, program), append([]string{verb, "-r", repo}, rest...)...)
	cmd.Env = append(os.Environ(), "VBACKUP_PASSWORD="+password, "VBACKUP_STATE_DIR="+filepath.Join(l.scratch, "state"))
	return cmd
}

// initRepo makes an empty repository.
func (l *lab) initRepo(ctx context.Context, compression string) (string, error) {
	repo := l.path("repo")
	return repo, finish(l.ours(ctx, "vbackup", repo, "init", "--compression", compression))
}

// backup captures into a repository and gives the wall time.
func (l *lab) backup(ctx context.Context, repo string, args ...string) (float64, error) {
	cmd := l.ours(ctx, "vbackup", repo, append([]string{"backup", "--machine", machine}, args...)...)
	s, err := timed(cmd)
	if err == nil {
		l.capturePeak = max(l.capturePeak, resident(cmd.ProcessState))
	}
	return s, err
}

// repository gives a repository that holds the image, for reading.
func (l *lab) repository(ctx context.Context, compression string) (string, error) {
	if repo, ok := l.repositories[compression]; ok {
		return repo, nil
	}
	repo, err := l.initRepo(ctx, compression)
	if err != nil {
		return "", err
	}
	if _, err := l.backup(ctx, repo, l.disk.path); err != nil {
		return "", err
	}
	l.repositories[compression] = repo
	return repo, nil
}

// serve starts our NBD server.
func (l *lab) serve(ctx context.Context, repo string) (s *server, socket string, err error) {
	socket = l.socket()
	s, err = launch(ctx, l.ours(ctx, "vbfs", repo, "serve", "--socket", socket), listens(socket))
	return s, socket, err
}

// mount mounts a repository.
func (l *lab) mount(ctx context.Context, repo string) (s *server, dir string, err error) {
	if dir, err = l.folder("mnt"); err != nil {
		return nil, "", err
	}
	s, err = launch(ctx, l.ours(ctx, "vbfs", repo, "mount", dir), exists(filepath.Join(dir, "machines")))
	return s, dir, err
}

// newest is the export of the image's newest point.
const newest = machine + "@latest:" + diskName

// uri gives the NBD URI of an export on a socket.
func uri(socket, export string) string {
	return "nbd+unix:///" + strings.ReplaceAll(url.PathEscape(export), ":", "%3A") + "?socket=" + socket
}

// mounted gives the path of the image's newest point under a mount.
func mounted(dir string) string {
	return filepath.Join(dir, "machines", machine, "latest", "disks", diskName+".raw")
}
