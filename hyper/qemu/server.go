package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ServeOptions say how qemu-nbd serves an image.
type ServeOptions struct {
	// Writable lets clients write. The default is --read-only.
	Writable bool

	// Shared is how many clients may be connected at once. 0 is 8.
	Shared int

	// Bitmap is a persistent dirty bitmap of the image to offer as a metadata context. Empty is none.
	Bitmap string

	// Cache is qemu-nbd's cache mode. Empty is its default, writeback.
	Cache string

	// Discard passes trims and zeroes on to the image's file, which then needs less space.
	Discard bool

	// DetectZeroes finds zeros in what is written: off, on, or unmap. Empty is off.
	DetectZeroes string

	// StartTimeout bounds the time until it listens. 0 is 30 s.
	StartTimeout time.Duration

	// StopTimeout bounds the time that Close gives it to write what it holds. 0 is 60 s.
	StopTimeout time.Duration
}

const (
	defaultShared       = 8
	defaultStartTimeout = 30 * time.Second
	defaultStopTimeout  = 60 * time.Second
	maxSocketPath       = 107 // unix(7): sun_path has 108 bytes, with the zero at its end
)

// A Server is a qemu-nbd at work.
type Server struct {
	socket      string
	process     *process
	stopTimeout time.Duration
}

// Serve starts qemu-nbd for an image, and returns when it listens. ctx bounds the start only: Close ends the server.
func Serve(ctx context.Context, image Image, opts ServeOptions) (*Server, error) {
	tool, err := find("qemu-nbd")
	if err != nil {
		return nil, err
	}
	if image, err = absolute(image); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vq")
	if err != nil {
		return nil, fmt.Errorf("directory for a socket: %w", err)
	}
	s := &Server{socket: filepath.Join(dir, "s"), stopTimeout: cmp.Or(opts.StopTimeout, defaultStopTimeout)}
	if len(s.socket) > maxSocketPath {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("socket %s: longer than %d bytes, choose a shorter TMPDIR", s.socket, maxSocketPath)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(opts.StartTimeout, defaultStartTimeout), ErrNotListening)
	defer cancel()
	if err := s.start(ctx, tool, arguments(image, opts)); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("qemu-nbd %s: %w", image.Path, err)
	}
	return s, nil
}

func arguments(image Image, opts ServeOptions) []string {
	args := []string{"--persistent", "--shared=" + strconv.Itoa(cmp.Or(opts.Shared, defaultShared)), "--format=" + image.Format}
	if !opts.Writable {
		args = append(args, "--read-only")
	}
	if opts.Bitmap != "" {
		args = append(args, "--bitmap="+opts.Bitmap)
	}
	if opts.Cache != "" {
		args = append(args, "--cache="+opts.Cache)
	}
	if opts.Discard {
		args = append(args, "--discard=unmap")
	}
	if opts.DetectZeroes != "" {
		args = append(args, "--detect-zeroes="+opts.DetectZeroes)
	}
	return append(args, "--", image.Path)
}

// start runs the tool and waits for its pid file, which it writes once it listens and has opened the image.
func (s *Server) start(ctx context.Context, tool string, args []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pidFile := filepath.Join(filepath.Dir(s.socket), "p")
	args = append([]string{"--socket=" + s.socket, "--pid-file=" + pidFile}, args...)
	var err error
	if s.process, err = startProcess(exec.Command(tool, args...)); err != nil {
		return err
	}
	tick := time.NewTicker(2 * time.Millisecond) // it takes about 15 ms
	defer tick.Stop()
	for {
		if _, err := os.Stat(pidFile); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.process.ended:
			return s.process.failure()
		case <-ctx.Done():
			s.process.kill()
			return toolError(context.Cause(ctx), s.process.stderr.bytes)
		}
	}
}

// Socket is the path of the Unix socket that the server listens on.
func (s *Server) Socket() string { return s.socket }

// URI is the NBD URI of the server's only export.
func (s *Server) URI() string { return "nbd+unix:///?socket=" + url.QueryEscape(s.socket) }

// Close ends the server: asks it to, which makes it write what it holds, and kills it when it does not. An error says
// that it ended badly, now or before; a writable image is then not to be trusted.
func (s *Server) Close() error {
	defer os.RemoveAll(filepath.Dir(s.socket))
	s.process.signal(syscall.SIGTERM)
	select {
	case <-s.process.ended:
	case <-time.After(s.stopTimeout):
		s.process.kill()
		return fmt.Errorf("stop qemu-nbd: %w after %v", ErrKilled, s.stopTimeout)
	}
	if err := s.process.failure(); !errors.Is(err, errEndedWell) {
		return fmt.Errorf("stop qemu-nbd: %w", err)
	}
	return nil
}
