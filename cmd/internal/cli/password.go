package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// errNoPassword says that none of a password's sources gave one.
var errNoPassword = errors.New("no password")

// maxPassword bounds what is read of a password's source, in bytes.
const maxPassword = 64 << 10

// A Secret names the variables that a password comes from.
type Secret struct {
	File     string // a path; "" is none
	Variable string // of the password itself; with _FILE and _COMMAND behind it the other two

	warn func(format string, args ...any) // of files that others can read; nil for nobody
}

// repositorySecret is the repository's password.
func (a *App) repositorySecret() Secret {
	return Secret{a.Flags.PasswordFile, "VBACKUP_PASSWORD", a.Warn}
}

// Read gives the password from the first source that is set: the flag, the file, the command, the variable itself. It is
// nil when none is.
func (s Secret) Read(ctx context.Context) ([]byte, error) {
	file := s.File
	if file == "" {
		file = os.Getenv(s.Variable + "_FILE")
	}
	if file != "" {
		p, err := readPasswordFile(file, s.warn)
		return notEmpty(p, err, "file "+file)
	}
	if command := os.Getenv(s.Variable + "_COMMAND"); command != "" {
		p, err := runPasswordCommand(ctx, command)
		return notEmpty(p, err, "command of "+s.Variable+"_COMMAND")
	}
	if p := os.Getenv(s.Variable); p != "" {
		return []byte(p), nil
	}
	return nil, nil
}

func readPasswordFile(path string, warn func(string, ...any)) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := readPassword(f)
	if err == nil && warn != nil {
		warnReadable(f, warn)
	}
	return p, err
}

// warnReadable tells of a file with a secret that every user of the machine can read or write.
func warnReadable(f *os.File, warn func(string, ...any)) {
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode()&0o006 != 0 {
		warn("%s: every user of this machine can read or write it: chmod go= %[1]s", f.Name())
	}
}

// runPasswordCommand leaves the command standard input and error, so that it can ask.
func runPasswordCommand(ctx context.Context, command string) ([]byte, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return readPassword(&out)
}

// readPassword reads all but the newline at the end.
func readPassword(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPassword+1))
	if len(b) > maxPassword {
		return nil, fmt.Errorf("longer than %d bytes", maxPassword)
	}
	return bytes.TrimRight(b, "\r\n"), err
}

func notEmpty(p []byte, err error, source string) ([]byte, error) {
	if err == nil && len(p) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("%w from %s: %w", errNoPassword, source, err)
	}
	return p, nil
}

// Ask asks for a password on the terminal, twice when it is a new one.
func (a *App) Ask(ctx context.Context, what string, twice bool) ([]byte, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, fmt.Errorf("%w was given, and there is no terminal to ask on", errNoPassword)
	}
	a.asking.Lock()
	defer a.asking.Unlock()
	p, err := a.askOnce(ctx, "Password for the "+what+": ")
	if err != nil {
		return nil, err
	}
	if len(p) == 0 {
		return nil, fmt.Errorf("%w: it is empty", errNoPassword)
	}
	if !twice {
		return p, nil
	}
	again, err := a.askOnce(ctx, "The same once more: ")
	if err == nil && !bytes.Equal(p, again) {
		err = fmt.Errorf("%w: the two differ", errNoPassword)
	}
	return p, err
}

// askOnce gives the terminal back as it was when ctx ends. The read that waits then ends with the process.
func (a *App) askOnce(ctx context.Context, prompt string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	if err := echoOff(fd); err != nil {
		return nil, err
	}
	defer term.Restore(fd, before)
	fmt.Fprint(os.Stderr, prompt)
	defer fmt.Fprintln(os.Stderr)
	type answer struct {
		p   []byte
		err error
	}
	got := make(chan answer, 1)
	go func() {
		p, err := term.ReadPassword(fd)
		got <- answer{p, err}
	}()
	select {
	case a := <-got:
		return a.p, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// echoOff comes before the prompt: who answers at once is not shown either.
func echoOff(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
