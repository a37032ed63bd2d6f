package qmp

import (
	"errors"
	"fmt"
)

// Errors of this package, for errors.Is.
var (
	// ErrNoSocket: there is no such socket, or no process listens on it any more.
	ErrNoSocket = errors.New("no QEMU listens there")

	// ErrDenied: the rights on the socket keep us out.
	ErrDenied = errors.New("access to the monitor denied")

	// ErrBusy: QEMU does not greet, as it does not while it has another client.
	ErrBusy = errors.New("the monitor does not answer: it has one client at a time, so end the one that is connected " +
		"(libvirt?), or give QEMU a monitor of its own with -qmp unix:PATH,server=on,wait=off")

	// ErrProtocol: what came is not of the protocol.
	ErrProtocol = errors.New("no QMP (is it the monitor for people?)")

	// ErrLost: the connection ended; whether the command under way took effect is not known.
	ErrLost = errors.New("connection to QEMU lost")

	// ErrTimeout: a command was not answered in time.
	ErrTimeout = errors.New("QEMU does not answer")

	// ErrNoCommand: this QEMU does not have the command.
	ErrNoCommand = errors.New("not known to this QEMU")
)

// An Error is what QEMU said about a command: QMP, "2.4.2 Error".
type Error struct {
	Command string
	Class   string // GenericError, mostly; the text says more
	Text    string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Command, e.Text) }

// Is tells that a command that QEMU does not have is ErrNoCommand.
func (e *Error) Is(target error) bool { return target == ErrNoCommand && e.Class == "CommandNotFound" }
