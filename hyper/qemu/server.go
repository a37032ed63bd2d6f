package qemu

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"vbfs/hyper/process"
)

// ServeOptions say how an image is served.
type ServeOptions struct {
	// Writable lets clients write. The default is --read-only.
	Writable bool

	// Shared is how many clients may be connected at once. 0 is 8.
	Shared int

	// Bitmaps are persistent dirty bitmaps of the image to offer as metadata contexts; one at most if it is Writable.
	Bitmaps []string

	// Secret opens an image that is encrypted as LUKS has it. Empty is: it is not. Read-only.
	Secret []byte

	// Cache is qemu-nbd's cache mode, of a writable image. Empty is its default, writeback.
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
)

// A Server is a qemu-nbd at work, or a qemu-storage-daemon.
type Server struct {
	tool        string
	folder      process.Folder
	process     *process.Process
	stopTimeout time.Duration
}

// Serve starts qemu-nbd for an image, or what else can do it, and returns when it listens. ctx bounds the start only: Close
// ends the server. QEMU's locks keep others from writing to the image meanwhile, but for a raw one: Lock does so for all.
func Serve(ctx context.Context, image Image, opts ServeOptions) (*Server, error) {
	image, err := absolute(image)
	if err != nil {
		return nil, err
	}
	if opts.Writable && (len(opts.Bitmaps) > 1 || opts.Secret != nil) {
		return nil, fmt.Errorf("%s: several bitmaps, and secrets, are for what is read only", image.Path)
	}
	folder, err := process.NewFolder()
	if err != nil {
		return nil, err
	}
	s := &Server{tool: opts.tool(), folder: folder, stopTimeout: cmp.Or(opts.StopTimeout, defaultStopTimeout)}
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(opts.StartTimeout, defaultStartTimeout), ErrNotListening)
	defer cancel()
	if err := s.start(ctx, image, opts); err != nil {
		folder.Remove()
		return nil, fmt.Errorf("%s %s: %w", s.tool, image.Path, err)
	}
	return s, nil
}

// tool is qemu-nbd, but for what it cannot do.
func (o ServeOptions) tool() string {
	if len(o.Bitmaps) > 1 || o.Secret != nil {
		return "qemu-storage-daemon"
	}
	return "qemu-nbd"
}

func (s *Server) arguments(image Image, opts ServeOptions) []string {
	if s.tool == "qemu-nbd" {
		return s.nbdArguments(image, opts)
	}
	return s.daemonArguments(image, opts)
}

// orphaned is the signal that a server gets when this process is killed. qemu-nbd forgets a SIGTERM that comes between its pid file and
// its main loop, and would stay for ever, and keep the image's machine from starting: one that has nothing to write is killed.
func (o ServeOptions) orphaned() syscall.Signal {
	if o.Writable {
		return syscall.SIGTERM
	}
	return syscall.SIGKILL
}

// nbdArguments are those of qemu-nbd.
func (s *Server) nbdArguments(image Image, opts ServeOptions) []string {
	args := []string{"--socket=" + s.Socket(), "--pid-file=" + s.folder.File(process.PID), "--persistent",
		"--shared=" + strconv.Itoa(cmp.Or(opts.Shared, defaultShared)), "--format=" + image.Format}
	if !opts.Writable {
		args = append(args, "--read-only")
	}
	for _, name := range opts.Bitmaps {
		args = append(args, "--bitmap="+name)
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
func (s *Server) start(ctx context.Context, image Image, opts ServeOptions) error {
	tool, err := find(s.tool)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	cmd := exec.Command(tool, s.arguments(image, opts)...)
	if opts.Secret != nil {
		key, err := keyFile(opts.Secret)
		if err != nil {
			return err
		}
		defer key.Close()
		cmd.ExtraFiles = []*os.File{key}
	}
	if s.process, err = process.Start(cmd, opts.orphaned(), stderrSize); err != nil {
		return err
	}
	tick := time.NewTicker(2 * time.Millisecond) // it takes about 15 ms
	defer tick.Stop()
	for {
		if _, err := os.Stat(s.folder.File(process.PID)); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.process.Ended:
			return failure(s.process)
		case <-ctx.Done():
			s.process.Kill()
			return toolError(context.Cause(ctx), s.process.Stderr())
		}
	}
}

// Socket is the path of the Unix socket that the server listens on.
func (s *Server) Socket() string { return s.folder.File(process.Socket) }

// URI is the NBD URI of the server's only export.
func (s *Server) URI() string { return "nbd+unix:///?socket=" + url.QueryEscape(s.Socket()) }
