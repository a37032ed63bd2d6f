package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// A usageError is about the arguments.
type usageError struct {
	err  error
	hint string
}

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

// Usage is an error of wrong usage.
func Usage(format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...)}
}

// asUsage makes err one of wrong usage, unless it is.
func asUsage(err error) error {
	var u *usageError
	if errors.As(err, &u) {
		return err
	}
	text, _, _ := strings.Cut(err.Error(), "\n") // cobra adds suggestions
	return &usageError{err: errors.New(strings.TrimSuffix(text, "."))}
}

// A hinted error knows the way out.
type hinted struct {
	err  error
	hint string
	code int // 0: what the error says
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// Hint says what to do about an error.
func Hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...), 0}
}

// Exit is Hint for an error that has an exit code of its own.
func Exit(err error, code int, hint string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, hint, code}
}

// A failure is an error as it leaves the program.
type failure struct {
	Type    string `json:"type"`
	Code    int    `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (a *App) failure(ctx context.Context, cmd *cobra.Command, err error) failure {
	code, hint := classify(ctx, err)
	if code == BadUsage && hint == "" && cmd != nil {
		hint = "see: " + cmd.CommandPath() + " --help"
	}
	message := sentence(err)
	if code == Interrupted {
		message = "interrupted, and cleaned up"
	}
	return failure{"error", code, message, hint}
}

// fail tells the error that ended a command, unless it was told, and gives the exit code.
func (a *App) fail(ctx context.Context, cmd *cobra.Command, err error) int {
	f := a.failure(ctx, cmd, err)
	var told toldError
	if f.Code == Interrupted || !errors.As(err, &told) {
		a.tell(f)
	}
	return f.Code
}

// Tell reports what failed while the command goes on, unless it was told, and gives the exit code it would have.
func (a *App) Tell(ctx context.Context, err error) int {
	f := a.failure(ctx, nil, err)
	var told toldError
	if !errors.As(err, &told) {
		a.tell(f)
	}
	return f.Code
}

func (a *App) tell(f failure) {
	if a.Flags.JSON {
		a.Line(f)
	}
	a.message(always, "%s: %s", a.name, f.Message)
	if f.Hint != "" {
		a.message(always, "  %s", f.Hint)
	}
}

// sentence makes one line of an error, of joined ones too.
func sentence(err error) string {
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}
