package main

import (
	"context"
	"os"
	"os/exec"
)

// convert is qemu-img at work with 16 requests at once.
func convert(ctx context.Context, from, to string, more ...string) *exec.Cmd {
	return command(ctx, "qemu-img", append(append([]string{"convert", "-f", "raw", "-O", "qcow2", "-m", "16", "-W"}, more...), from, to)...)
}

var zstdQcow2 = []string{"-c", "-o", "compression_type=zstd"}

func (l *lab) qcow2Full(ctx context.Context) (float64, error) {
	to := l.path("full")
	defer os.Remove(to)
	return timed(convert(ctx, l.disk.path, to, zstdQcow2...))
}

// qcow2 gives the image as a qcow2 file, compressed with zstd or plain.
func (l *lab) qcow2(ctx context.Context, kind string) (string, error) {
	if path, ok := l.qcow2s[kind]; ok {
		return path, nil
	}
	path := l.path("qcow2-" + kind)
	var more []string
	if kind == "zstd" {
		more = zstdQcow2
	}
	if err := finish(convert(ctx, l.disk.path, path, more...)); err != nil {
		return "", err
	}
	l.qcow2s[kind] = path
	return path, nil
}

// qemuNBD serves a qcow2 file.
func (l *lab) qemuNBD(ctx context.Context, path string) (s *server, socket string, err error) {
	socket = l.socket()
	s, err = launch(ctx, command(ctx, "qemu-nbd", "-r", "-t", "-e", "16", "-f", "qcow2", "-k", socket, path), listens(socket))
	return s, socket, err
}
