package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"vbfs/index"
	"vbfs/index/seal"
)

// errNoIdentity says that a file that was named holds no identity.
var errNoIdentity = errors.New("no identity")

// maxIdentity bounds what is read of an identity file, in bytes.
const maxIdentity = 1 << 20

// Credentials are what opens a repository.
type Credentials struct {
	Password []byte // or a recovery key; nil for none
	Identity []byte // of a file of age identities, or an SSH private key; nil for none
}

// credentials reads what the flags name, else what the variables do. What is named by a variable does not stand beside a
// flag; without either, both variables count.
func (a *App) credentials(ctx context.Context) (c Credentials, err error) {
	file := a.Flags.Identity
	if a.Flags.PasswordFile == "" {
		file = cmp.Or(file, os.Getenv("VBACKUP_IDENTITY_FILE"))
	}
	if file != "" {
		if c.Identity, err = a.readIdentity(file); err != nil {
			return c, fmt.Errorf("%w from file %s: %w", errNoIdentity, file, err)
		}
	}
	if a.Flags.Identity != "" && a.Flags.PasswordFile == "" {
		return c, nil
	}
	c.Password, err = a.repositorySecret().Read(ctx)
	return c, err
}

func (a *App) readIdentity(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxIdentity+1))
	if err == nil && len(b) > maxIdentity {
		err = fmt.Errorf("longer than %d bytes", maxIdentity)
	}
	if err == nil {
		_, err = seal.ParseIdentities(b)
	}
	if err == nil {
		warnReadable(f, a.Warn)
	}
	return b, err
}

// options opens a repository with the credentials.
func (c Credentials) options() (o index.OpenOptions, err error) {
	o.Password = c.Password
	if c.Identity != nil {
		if o.Identities, err = seal.ParseIdentities(c.Identity); err != nil {
			return o, fmt.Errorf("%w: %w", errNoIdentity, err)
		}
	}
	return o, nil
}
