package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"vbfs/cmd/internal/cli"
	"vbfs/nbdsrv"
)

// maxSocketPath is what fits a Unix socket's address, with the zero behind it: unix(7).
const maxSocketPath = 107

// listen opens what the flags and the environment of socket activation say. The default address counts when they say
// nothing.
func (s *serving) listen(ctx context.Context) (all []net.Listener, err error) {
	defer func() {
		if err != nil {
			closeAll(all)
		}
	}()
	all, err = nbdsrv.Activated(os.Getpid(), os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"))
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		if err := s.allow(l.Addr()); err != nil {
			return all, err
		}
	}
	if s.socket != "" {
		l, err := listenUnix(s.socket)
		if err != nil {
			return all, err
		}
		all = append(all, l)
	}
	if s.address == "" && len(all) == 0 {
		s.address = defaultAddress
	}
	if s.address != "" {
		l, err := s.listenTCP(ctx, s.address)
		if err != nil {
			return all, err
		}
		all = append(all, l)
	}
	return all, nil
}

func closeAll(all []net.Listener) {
	for _, l := range all {
		l.Close()
	}
}

func (s *serving) listenTCP(ctx context.Context, address string) (net.Listener, error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, cli.Usage("--listen %s: %w", address, err)
	}
	if err := s.allow(a); err != nil {
		return nil, err
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// allow refuses to serve the network in clear, unless the user insists.
func (s *serving) allow(a net.Addr) error {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() {
		return nil
	}
	switch {
	case s.cert == "" && !s.insecure:
		return cli.Hint(cli.Usage("%s is open to the network, and every disk would be readable there", a),
			"give --tls-cert and --tls-key (and --tls-ca, to know the clients), or --insecure")
	case s.cert == "" || s.ca == "":
		s.app.Warn("whoever reaches %s can read every disk", a)
	}
	return nil
}

// listenUnix listens on a socket, in the place of one that a server left behind when it died.
func listenUnix(path string) (net.Listener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if len(path) > maxSocketPath {
		return nil, cli.Usage("--socket %s: a socket's path has at most %d bytes", path, maxSocketPath)
	}
	l, err := listenPrivately(path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	if err := removeDead(path); err != nil {
		return nil, err
	}
	return listenPrivately(path)
}

// listenPrivately makes a socket that no other user can open.
func listenPrivately(path string) (net.Listener, error) {
	defer syscall.Umask(syscall.Umask(0o177))
	return net.Listen("unix", path)
}

// removeDead removes a socket on which nobody listens.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() != fs.ModeSocket {
		err = errors.New("there is something that is no socket")
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", path, err)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return cli.Hint(fmt.Errorf("listen on %s: a server is at work there", path), "end it, or take another --socket")
	}
	return os.Remove(path)
}
