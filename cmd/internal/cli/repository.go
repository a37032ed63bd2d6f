package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"vbfs/index"
	"vbfs/index/object"
)

// Place gives the repository's directory, from the flag or the environment.
func (a *App) Place() (string, error) {
	place := a.Flags.Repo
	if place == "" {
		place = os.Getenv("VBACKUP_REPO")
	}
	if place == "" {
		return "", &usageError{errors.New("no repository was named"), "name it with -r DIRECTORY or VBACKUP_REPO"}
	}
	return place, local(place)
}

// local refuses what is no directory.
func local(place string) error {
	if strings.HasPrefix(place, "s3:") {
		return Later("a repository in S3 (%s)", place)
	}
	return nil
}

// WithRepository opens the repository, runs work with it and closes it. cache is bytes of decoded blocks to keep; 0 is
// the default.
func (a *App) WithRepository(ctx context.Context, cache int64, work func(*index.Repository) error) error {
	_, err := a.unlock(ctx, cache, work)
	return err
}

// WithCredentials is WithRepository for who has what opens it.
func (a *App) WithCredentials(ctx context.Context, cache int64, c Credentials, work func(*index.Repository) error) error {
	place, err := a.Place()
	if err != nil {
		return err
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	o.Cache = cache
	return a.with(ctx, place, o, work)
}

// Credentials opens the repository to see that it can be opened, and gives what that took.
func (a *App) Credentials(ctx context.Context) (Credentials, error) {
	return a.unlock(ctx, 0, func(*index.Repository) error { return nil })
}

// unlock runs work with the repository and gives what opened it.
func (a *App) unlock(ctx context.Context, cache int64, work func(*index.Repository) error) (c Credentials, err error) {
	place, err := a.Place()
	if err != nil {
		return c, err
	}
	if c, err = a.credentials(ctx); err != nil {
		return c, err
	}
	o, err := c.options()
	if err != nil {
		return c, err
	}
	o.Cache = cache
	o.Ask = func() (p []byte, err error) {
		c.Password, err = a.Ask(ctx, "repository "+place, false)
		return c.Password, err
	}
	err = a.with(ctx, place, o, work)
	return c, err
}

func (a *App) with(ctx context.Context, place string, o index.OpenOptions, work func(*index.Repository) error) error {
	store, err := openStore(place)
	if err != nil {
		return err
	}
	defer store.Close()
	o.Table = filepath.Join(place, "table")
	repo, err := index.Open(ctx, store, o)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	defer repo.Close()
	return work(repo)
}

// openStore opens a directory; what is none holds no repository.
func openStore(place string) (*object.Local, error) {
	info, err := os.Stat(place)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s: %w", place, index.ErrNoRepository)
	}
	store, err := object.OpenLocal(place)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	return store, nil
}

// NewRepository makes a repository in a directory, which it makes too. A directory that holds something is refused.
func (a *App) NewRepository(ctx context.Context, o index.InitOptions) (place string, err error) {
	if place, err = a.Place(); err != nil {
		return "", err
	}
	if err := checkEmpty(place); err != nil {
		return "", err
	}
	if !o.NoEncryption {
		if o.Password, err = a.NewPassword(ctx, a.repositorySecret(), "new repository "+place); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(place, 0o700); err != nil {
		return "", fmt.Errorf("make repository: %w", err)
	}
	store, err := openStore(place)
	if err != nil {
		return "", err
	}
	defer store.Close()
	o.Reserve = true
	if err := index.Init(ctx, store, o); err != nil {
		return "", fmt.Errorf("%s: %w", place, err)
	}
	return place, nil
}

// checkEmpty refuses a directory in which a repository would mix with something else.
func checkEmpty(place string) error {
	entries, err := os.ReadDir(place)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return fmt.Errorf("make repository: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "config" {
			return fmt.Errorf("%s: %w", place, index.ErrExists)
		}
	}
	return Hint(fmt.Errorf("%s: the directory is not empty", place), "take an empty directory, or one that does not exist")
}

// NewPassword gives the password of a new key slot: from the secret's sources, else asked for twice.
func (a *App) NewPassword(ctx context.Context, s Secret, what string) ([]byte, error) {
	s.warn = a.Warn
	p, err := s.Read(ctx)
	if p != nil || err != nil {
		return p, err
	}
	return a.Ask(ctx, what, true)
}

// WithKeys opens the repository's key slots, runs work with them and gives back what they hold open.
func (a *App) WithKeys(ctx context.Context, work func(*index.Keys) error) error {
	place, err := a.Place()
	if err != nil {
		return err
	}
	store, err := openStore(place)
	if err != nil {
		return err
	}
	defer store.Close()
	c, err := a.credentials(ctx)
	if err != nil {
		return err
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	o.Ask = func() ([]byte, error) { return a.Ask(ctx, "repository "+place, false) }
	keys, err := index.OpenKeys(ctx, store, o)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	return work(keys)
}
