package cli

import (
	"context"
	"errors"
)

// serverSecret is a hypervisor's password.
const serverSecret = "VBACKUP_SERVER_PASSWORD"

// ServerPasswordHint says where a hypervisor's password comes from.
const ServerPasswordHint = "it comes from " + serverSecret + "_FILE, " + serverSecret + "_COMMAND or " + serverSecret

// ServerPassword reads the password of an account on a server, or asks for it.
func (a *App) ServerPassword(ctx context.Context, user, server string) ([]byte, error) {
	p, err := Secret{Variable: serverSecret, warn: a.Warn}.Read(ctx)
	if p == nil && err == nil {
		p, err = a.Ask(ctx, "user "+user+" on "+server, false)
	}
	if errors.Is(err, errNoPassword) {
		return nil, Exit(err, NoPassword, ServerPasswordHint)
	}
	return p, err
}
