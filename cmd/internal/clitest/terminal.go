package clitest

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// OnTerminal runs a program on a terminal of its own. Each time it asks something, which ends in a colon and a space, it
// gets the next of answers. What the screen shows comes back.
func (l *Lab) OnTerminal(answers []string, program string, args ...string) (code int, screen string) {
	l.T.Helper()
	terminal, tty := l.openTerminal()
	defer terminal.Close()
	cmd := l.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		l.T.Fatal(err)
	}
	tty.Close()
	var reading sync.WaitGroup
	reading.Go(func() { screen = converse(terminal, answers) })
	defer time.AfterFunc(patience, func() { cmd.Process.Kill() }).Stop()
	cmd.Wait()
	reading.Wait()
	return cmd.ProcessState.ExitCode(), screen
}

// converse ends when the terminal's last user does.
func converse(terminal io.ReadWriter, answers []string) string {
	var screen strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := terminal.Read(buf)
		if err != nil {
			return screen.String()
		}
		screen.Write(buf[:n])
		if len(answers) > 0 && strings.HasSuffix(screen.String(), ": ") {
			io.WriteString(terminal, answers[0]+"\n")
			answers = answers[1:]
		}
	}
}

// openTerminal gives both ends of a terminal: pts(4).
func (l *Lab) openTerminal() (terminal, tty *os.File) {
	l.T.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		l.T.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		l.T.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120}); err != nil {
		l.T.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	if err != nil {
		l.T.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		l.T.Fatal(err)
	}
	return terminal, tty
}
