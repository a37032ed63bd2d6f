package object

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// Probe shows that a new store keeps the two promises that nothing else can make up for: a taken name is refused, and
// what was put is listed at once. It lists the whole store, and removes what it put.
func Probe(ctx context.Context, s Store) (err error) {
	name := "probe-" + randomName()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if derr := s.Delete(ctx, name); derr != nil && !errors.Is(derr, ErrNotExist) && err == nil {
			err = fmt.Errorf("probe storage: clean up: %w", derr)
		}
	}()
	for _, step := range []func(context.Context, Store, string) error{probeExclusive, probeRead, probeListed} {
		if err := step(ctx, s, name); err != nil {
			return fmt.Errorf("probe storage: %w", err)
		}
	}
	return nil
}

// probeExclusive begins two uploads of one name before it commits either: a store that looks only at the beginning
// lets both through.
func probeExclusive(ctx context.Context, s Store, name string) error {
	first, err := beginProbe(ctx, s, name, "first")
	if err != nil {
		return err
	}
	defer first.Abort()
	second, err := beginProbe(ctx, s, name, "second")
	if err != nil {
		return err
	}
	defer second.Abort()
	if err := first.Commit(); err != nil {
		return err
	}
	if err := second.Commit(); !errors.Is(err, ErrExists) {
		return fmt.Errorf("a second put of one name was not refused (%v): the storage cannot hold a repository", err)
	}
	return nil
}

func beginProbe(ctx context.Context, s Store, name, content string) (Upload, error) {
	u, err := s.PutIfAbsent(ctx, name)
	if err != nil {
		return nil, err
	}
	if _, err := u.Write([]byte(content)); err != nil {
		u.Abort()
		return nil, err
	}
	return u, nil
}

func probeRead(ctx context.Context, s Store, name string) error {
	b, err := GetAll(ctx, s, name, 1<<10)
	if err == nil && !bytes.Equal(b, []byte("first")) {
		err = fmt.Errorf("%s reads %q, but %q was put first", name, b, "first")
	}
	return err
}

func probeListed(ctx context.Context, s Store, name string) error {
	for info, err := range s.List(ctx, "") {
		if err != nil {
			return err
		}
		if info.Name == name {
			return nil
		}
	}
	return fmt.Errorf("%s was put but is not listed: the storage cannot hold a repository", name)
}
