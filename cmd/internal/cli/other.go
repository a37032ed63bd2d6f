package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"vbfs/index"
)

// An Other is a second repository beside the one that all commands have.
type Other struct {
	Place  string // directory
	Secret Secret // VBACKUP_TO_PASSWORD, say: then the variable of an identity's file is VBACKUP_TO_IDENTITY_FILE
	Flag   string // that names its password's file
}

// WithOther opens the other repository, runs work with it and closes it.
func (a *App) WithOther(ctx context.Context, o Other, work func(*index.Repository) error) error {
	if err := local(o.Place); err != nil {
		return err
	}
	if err := a.apart(o.Place); err != nil {
		return err
	}
	options, err := a.other(ctx, o)
	if err != nil {
		return o.hint(err)
	}
	worked := false
	err = a.with(ctx, o.Place, options, func(repo *index.Repository) error {
		worked = true
		return work(repo)
	})
	if !worked {
		err = o.hint(err)
	}
	return err
}

// other gives what opens the other repository.
func (a *App) other(ctx context.Context, o Other) (index.OpenOptions, error) {
	var c Credentials
	var err error
	if file := os.Getenv(strings.TrimSuffix(o.Secret.Variable, "PASSWORD") + "IDENTITY_FILE"); file != "" {
		if c.Identity, err = a.readIdentity(file); err != nil {
			return index.OpenOptions{}, fmt.Errorf("%w from file %s: %w", errNoIdentity, file, err)
		}
	}
	if c.Password, err = o.Secret.Read(ctx); err != nil {
		return index.OpenOptions{}, err
	}
	options, err := c.options()
	options.Ask = func() ([]byte, error) { return a.Ask(ctx, "repository "+o.Place, false) }
	return options, err
}

// apart refuses the repository itself.
func (a *App) apart(other string) error {
	place, err := a.Place()
	if err != nil {
		return err
	}
	x, err := os.Stat(place)
	if err != nil {
		return nil // told of where it is opened
	}
	if y, err := os.Stat(other); err == nil && os.SameFile(x, y) {
		return Usage("%s is the repository itself: name another one", other)
	}
	return nil
}

// hint names the ways in to the other repository.
func (o Other) hint(err error) error {
	v := o.Secret.Variable
	switch {
	case errors.Is(err, errNoPassword), errors.Is(err, index.ErrPassword):
		return Hint(err, "the password of %s comes from %s_FILE, %s_COMMAND, %s or --%s", o.Place, v, v, v, o.Flag)
	case errors.Is(err, index.ErrNotEncrypted):
		return Hint(err, "if %s really was made with --no-encryption, unset %s and its like", o.Place, v)
	case errors.Is(err, index.ErrNoRepository):
		return Hint(err, "name an existing one, or make it with: vbackup init -r %s", o.Place)
	}
	return err
}
