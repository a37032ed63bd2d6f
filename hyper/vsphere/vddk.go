package vsphere

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"vbfs/hyper/process"
)

// VDDKOptions say how disks are read and written with VMware's library.
type VDDKOptions struct {
	// Program is nbdkit. "" is nbdkit on the path.
	Program string
	// Plugin is the plugin's name, or a path with a slash in it. "" is vddk.
	Plugin string
	// LibDir is the directory in which VDDK was unpacked, vmware-vix-disklib-distrib. "" is where the plugin looks by itself.
	LibDir string
	// Transports are VDDK's, as file:nbdssl:nbd. "" is the library's choice.
	Transports string
	// StartTimeout bounds the time until nbdkit listens. 0 is 30 s.
	StartTimeout time.Duration
}

func (o VDDKOptions) program() string { return cmp.Or(o.Program, "nbdkit") }
func (o VDDKOptions) plugin() string  { return cmp.Or(o.Plugin, "vddk") }

// dumpTime bounds how long nbdkit may take to tell what it has.
const dumpTime = 30 * time.Second

// FindVDDK tells which version of VDDK there is. nbdkit, nbdkit-vddk-plugin(1): without the library there is no
// vddk_library_version.
func FindVDDK(ctx context.Context, o VDDKOptions) (version string, err error) {
	program, err := exec.LookPath(o.program())
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoNBDKit, err)
	}
	within, cancel := context.WithTimeout(ctx, dumpTime)
	defer cancel()
	args := []string{o.plugin()}
	if o.LibDir != "" {
		if _, err := os.Stat(o.LibDir); err != nil { // of which the plugin says less clearly
			return "", fmt.Errorf("%w: %w", ErrNoVDDK, err)
		}
		args = append(args, "libdir="+o.LibDir)
	}
	out, err := exec.CommandContext(within, program, append(args, "--dump-plugin")...).Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case ctx.Err() != nil: // whether it is there is not known
		return "", fmt.Errorf("nbdkit %s: %w", o.plugin(), context.Cause(ctx))
	case within.Err() != nil:
		return "", fmt.Errorf("%w: it says nothing for %v", ErrNoNBDKit, dumpTime)
	case errors.As(err, &exit):
		return "", fmt.Errorf("%w: %s", ErrNoNBDKit, said(exit.Stderr))
	default:
		return "", fmt.Errorf("%w: %w", ErrNoNBDKit, err)
	}
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(line, "vddk_library_version="); ok {
			return strings.TrimSpace(v), nil
		}
	}
	return "", fmt.Errorf("%w: nbdkit's plugin %s does not find it%s", ErrNoVDDK, o.plugin(), in(o.LibDir))
}

func in(dir string) string {
	if dir == "" {
		return ""
	}
	return " in " + dir
}

// A VDDK is an nbdkit at work, which offers one disk over NBD: of a snapshot, read-only, or of a machine that is off, to be written.
type VDDK struct {
	folder  process.Folder
	process *process.Process
}

// ServeVDDK starts nbdkit for a disk of a snapshot: file is its descriptor as the snapshot's configuration has it. It listens then;
// whether the disk can be opened is told to who connects, and by Said. The password goes through a pipe. Close ends it.
func (c *Conn) ServeVDDK(ctx context.Context, machine, snapshot Ref, file string, o VDDKOptions) (*VDDK, error) {
	return c.serveVDDK(ctx, append([]string{"--readonly"}, c.vddkArguments(machine, file, "snapshot="+snapshot.Value, o)...), o)
}

// WriteVDDK is ServeVDDK for a disk of a machine that is off and has no snapshots, to be written: the library locks the disk, so that
// the machine cannot be powered on while somebody is connected. It has buffers for 2 MiB a request through vCenter.
func (c *Conn) WriteVDDK(ctx context.Context, machine Ref, file string, o VDDKOptions) (*VDDK, error) {
	return c.serveVDDK(ctx, c.vddkArguments(machine, file, "", o), o)
}

func (c *Conn) serveVDDK(ctx context.Context, args []string, o VDDKOptions) (*VDDK, error) {
	program, err := exec.LookPath(o.program())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoNBDKit, err)
	}
	folder, err := process.NewFolder()
	if err != nil {
		return nil, err
	}
	v := &VDDK{folder: folder}
	if err := v.start(ctx, program, args, c.session.password, cmp.Or(o.StartTimeout, dumpTime)); err != nil {
		folder.Remove()
		return nil, fmt.Errorf("nbdkit %s: %w", o.plugin(), err)
	}
	return v, nil
}

// vddkArguments are what nbdkit-vddk-plugin(1) asks for. The password is on file descriptor 3.
func (c *Conn) vddkArguments(machine Ref, file, snapshot string, o VDDKOptions) []string {
	u := url.URL{Host: c.trust.addr}
	args := []string{
		o.plugin(), "file=" + file, "vm=moref=" + machine.Value, "server=" + u.Hostname(), "user=" + c.session.user,
		"password=-3", "thumbprint=" + c.Thumbprint(),
	}
	if snapshot != "" {
		args = append(args, snapshot)
	}
	if u.Port() != "443" {
		args = append(args, "port="+u.Port())
	}
	if o.LibDir != "" {
		args = append(args, "libdir="+o.LibDir)
	}
	if o.Transports != "" {
		args = append(args, "transports="+o.Transports)
	}
	return args
}

// start runs nbdkit and waits for its pid file, which it writes when it listens.
func (v *VDDK) start(ctx context.Context, program string, args []string, password string, limit time.Duration) (err error) {
	pidFile := v.folder.File(process.PID)
	cmd := exec.Command(program, append([]string{"--foreground", "--exit-with-parent", "--unix", v.folder.File(process.Socket), "--pidfile", pidFile}, args...)...)
	secret, hand, err := os.Pipe()
	if err != nil {
		return err
	}
	defer secret.Close()
	cmd.ExtraFiles = []*os.File{secret}
	go func() { // a pipe has room for it, but need not
		hand.WriteString(password + "\n")
		hand.Close()
	}()
	if v.process, err = process.Start(cmd, syscall.SIGTERM, stderrSize); err != nil {
		hand.Close()
		return err
	}
	end := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(pidFile); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-v.process.Ended:
			return v.failure()
		case <-end:
			v.process.Kill()
			return fmt.Errorf("%w: it does not listen within %v: %s", ErrTimeout, limit, v.Said())
		case <-ctx.Done():
			v.process.Kill()
			return context.Cause(ctx)
		}
	}
}

// URI is the NBD URI of the disk.
func (v *VDDK) URI() string {
	return "nbd+unix:///?socket=" + url.QueryEscape(v.folder.File(process.Socket))
}

// saidTime is how long what nbdkit wrote before it answered may be on its way to us.
const saidTime = 500 * time.Millisecond

// Said is what nbdkit and the library said went wrong, last; "" is nothing.
func (v *VDDK) Said() string {
	for end := time.Now().Add(saidTime); ; time.Sleep(5 * time.Millisecond) {
		s := said(v.process.Stderr())
		select {
		case <-v.process.Ended: // its last words are here
			return said(v.process.Stderr())
		default:
		}
		if s != "" || time.Now().After(end) {
			return s
		}
	}
}

// stopTime bounds how long nbdkit may take to end: the library closes the disk.
const stopTime = 30 * time.Second

// Close ends nbdkit.
func (v *VDDK) Close() error {
	defer v.folder.Remove()
	v.process.Signal(syscall.SIGTERM)
	select {
	case <-v.process.Ended:
		return nil
	case <-time.After(stopTime):
		v.process.Kill()
		return fmt.Errorf("nbdkit did not end within %v and was killed: %s", stopTime, v.Said())
	}
}

// stderrSize is how much is kept of what nbdkit says, bytes.
const stderrSize = 8 << 10

// failure is how nbdkit, which is gone, ended, with what it said.
func (v *VDDK) failure() error {
	err := v.process.Err()
	if err == nil {
		err = errors.New("it ended by itself")
	}
	if s := said(v.process.Stderr()); s != "" {
		return fmt.Errorf("%w: %s", err, s)
	}
	return err
}

// said picks the errors out of what was said, the last few of them; without one it is the last line.
func said(stderr []byte) string {
	var errs []string
	last := ""
	for line := range strings.Lines(string(stderr)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		last = line
		if _, text, ok := strings.Cut(line, "error: "); ok {
			errs = append(errs, text)
		}
	}
	if errs == nil {
		return last
	}
	return strings.Join(errs[max(0, len(errs)-3):], "; ")
}
