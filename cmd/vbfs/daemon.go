package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"vbfs/cmd/internal/cli"
)

// A mount in the background is a child of its own session. It gets what opens the repository by a pipe, never by its arguments or
// environment, and says by another that the tree is mounted. Until then it tells errors on what it has from its parent,
// which ends with its exit code; from then on it has no terminal, and messages go to the log alone.
const (
	secretFD = 3 // of the child: it reads cli.Credentials as JSON
	readyFD  = 4 // it writes one byte when the tree is mounted
)

// daemonize starts the child and waits until the tree is mounted.
func (m *mounting) daemonize(ctx context.Context, dir string) error {
	credentials, err := m.app.Credentials(ctx)
	if err != nil {
		return err
	}
	args, err := m.childArgs(dir)
	if err != nil {
		return err
	}
	secret, give, err := os.Pipe()
	if err != nil {
		return err
	}
	defer give.Close()
	ready, tell, err := os.Pipe()
	if err != nil {
		return errors.Join(err, secret.Close())
	}
	defer ready.Close()
	cmd, err := startChild(args, secret, tell)
	if err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	if err := handOver(give, credentials); err != nil {
		return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return awaitChild(ctx, cmd, ready)
}

// startChild starts the child with its ends of the pipes, which are closed here.
func startChild(args []string, secret, tell *os.File) (*exec.Cmd, error) {
	defer secret.Close()
	defer tell.Close()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0], cmd.Dir, cmd.Env = os.Args[0], "/", withoutSecrets(os.Environ())
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{secret, tell}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, cmd.Start()
}

// handOver gives what opens the repository. A child that has ended takes none: why, it tells itself.
func handOver(give io.WriteCloser, c cli.Credentials) error {
	if err := json.NewEncoder(give).Encode(c); err != nil && !errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("hand over what opens the repository: %w", err)
	}
	return give.Close()
}

// awaitChild returns nil when the child has mounted, and else the code that it ended with.
func awaitChild(ctx context.Context, cmd *exec.Cmd, ready io.Reader) error {
	defer context.AfterFunc(ctx, func() { cmd.Process.Signal(syscall.SIGTERM) })()
	if n, _ := ready.Read(make([]byte, 1)); n == 1 {
		return cmd.Process.Release()
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return cli.Told(exit.ExitCode())
	}
	if err == nil {
		err = errors.New("it was unmounted before it was ready")
	}
	return fmt.Errorf("mount in the background: %w", err)
}

// childArgs are the arguments of the child, whose directory is another one.
func (m *mounting) childArgs(dir string) ([]string, error) {
	place, err := m.app.Place()
	if err != nil {
		return nil, err
	}
	f := &m.app.Flags
	args := []string{"mount", "--child", fmt.Sprintf("--cache=%d", int64(*m.cache)), fmt.Sprintf("--json=%t", f.JSON)}
	for flag, path := range map[string]string{"--repo": place, "--log-file": f.LogFile} {
		if path == "" {
			continue
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		args = append(args, flag+"="+abs)
	}
	args = append(args, fmt.Sprintf("--allow-other=%t", m.allowOther), fmt.Sprintf("--verbose=%t", f.Verbose))
	dir, err = filepath.Abs(dir)
	return append(args, "--", dir), err
}

func withoutSecrets(env []string) (out []string) {
	for _, v := range env {
		if !strings.HasPrefix(v, "VBACKUP_PASSWORD") {
			out = append(out, v)
		}
	}
	return out
}

// childCredentials reads what the parent hands over.
func childCredentials() (c cli.Credentials, err error) {
	f := os.NewFile(secretFD, "secret")
	if f == nil {
		return c, errors.New("--child is for the program itself")
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&c); err != nil {
		return c, fmt.Errorf("take over what opens the repository: %w", err)
	}
	return c, nil
}

// detach lets the terminal go, then tells the parent that all is well.
func detach() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	for fd := range 3 {
		if err := syscall.Dup3(int(null.Fd()), fd, 0); err != nil {
			return fmt.Errorf("let the terminal go: %w", err)
		}
	}
	ready := os.NewFile(readyFD, "ready")
	defer ready.Close()
	_, err = ready.Write([]byte{1})
	return err
}
