// Package indextest makes repositories for tests of what stands on index.
package indextest

import (
	"context"
	"testing"

	"vbfs/index"
	"vbfs/index/object"
)

// Plain makes an unencrypted repository that ends with the test, in a directory of the test's own.
func Plain(t *testing.T) *index.Repository { return PlainIn(t, t.TempDir()) }

// Open opens what PlainIn made, in another process: table is a directory of its own.
func Open(ctx context.Context, dir, table string) (*index.Repository, error) {
	store, err := object.OpenLocal(dir)
	if err != nil {
		return nil, err
	}
	return index.Open(ctx, store, index.OpenOptions{Table: table})
}

// PlainIn is Plain in a directory that is there and empty.
func PlainIn(t *testing.T, dir string) *index.Repository {
	t.Helper()
	store, err := object.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := index.Init(t.Context(), store, index.InitOptions{NoEncryption: true}); err != nil {
		t.Fatal(err)
	}
	repo, err := index.Open(t.Context(), store, index.OpenOptions{Table: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return repo
}
