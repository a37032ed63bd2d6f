package main

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"time"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
	"vbfs/ingest"
)

// makeRepo makes a repository in this process, for what no command makes in reasonable time.
func (l *lab) makeRepo(ctx context.Context, fill func(repo string, store *object.Local) error) (dir string, err error) {
	if dir, err = l.folder("repo"); err != nil {
		return "", err
	}
	store, err := object.OpenLocal(dir)
	if err != nil {
		return "", err
	}
	defer store.Close()
	if err := index.Init(ctx, store, index.InitOptions{Password: []byte(password)}); err != nil {
		return "", err
	}
	return dir, fill(dir, store)
}

// cacheSize is what vbfs keeps of decoded blocks, by default.
const cacheSize = 256 << 20

// opened runs work with an opened repository.
func opened(ctx context.Context, dir string, store object.Store, work func(*index.Repository) error) error {
	repo, err := index.Open(ctx, store, index.OpenOptions{Password: []byte(password), Table: tableOf(dir), Cache: cacheSize})
	if err != nil {
		return err
	}
	return errors.Join(work(repo), repo.Close())
}

func tableOf(repo string) string { return filepath.Join(repo, "table") }

// A patch is a source of whole blocks, in order; elsewhere it is unchanged or, in a full, zero.
type patch struct {
	size   int64
	full   bool
	blocks []int64                            // numbers
	fill   func(number int64, p []byte) error // gives one, or in an increment any
}

func (p *patch) Size() int64  { return p.size }
func (p *patch) Close() error { return nil }

// ReadAt is asked for whole blocks.
func (p *patch) ReadAt(b []byte, off int64) (n int, err error) {
	for ; n < len(b); n += block.Size {
		if err := p.fill((off+int64(n))>>block.Log2Size, b[n:n+block.Size]); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (p *patch) Extents(context.Context) iter.Seq2[ingest.Extent, error] {
	return func(yield func(ingest.Extent, error) bool) {
		at := int64(0)
		hole := func(to int64) bool {
			return !p.full || to == at || yield(ingest.Extent{Off: at, Len: to - at, Zero: true}, nil)
		}
		for _, n := range p.blocks {
			off := n << block.Log2Size
			if !hole(off) || !yield(ingest.Extent{Off: off, Len: block.Size}, nil) {
				return
			}
			at = off + block.Size
		}
		hole(p.size)
	}
}

// capture brings a patch in as a machine's next point.
func capture(ctx context.Context, repo *index.Repository, machine string, p *patch) (*format.Manifest, error) {
	d := ingest.Disk{Name: diskName, Tracking: "patch", Changes: true, Open: func(context.Context, bool) (ingest.Source, error) { return p, nil }}
	return ingest.Run(ctx, repo, ingest.Options{Machine: machine, Tool: "bench", Host: "bench", Disks: []ingest.Disk{d}})
}

// ring opens the keys of a repository, to write what only the store itself writes otherwise. took is how long the
// password's derivation was.
func ring(ctx context.Context, store object.Store) (r *seal.Ring, took time.Duration, err error) {
	var config format.Config
	var slot format.KeySlot
	var keyring format.Keyring
	if err := load(ctx, store, "config", &config); err != nil {
		return nil, 0, err
	}
	for info, err := range store.List(ctx, "keys") {
		if err != nil {
			return nil, 0, err
		}
		if err := load(ctx, store, info.Name, &slot); err != nil {
			return nil, 0, err
		}
	}
	start := time.Now()
	root, err := seal.OpenPasswordSlot(&slot, []byte(password))
	took = time.Since(start)
	if err != nil {
		return nil, 0, err
	}
	const name = "keyring/00000001"
	sealed, err := object.GetAll(ctx, store, name, format.MaxSealed)
	if err != nil {
		return nil, 0, err
	}
	body, err := seal.Root(config.Repository, true, root).Open(format.KindKeyring, name, sealed)
	if err != nil {
		return nil, 0, err
	}
	if err := keyring.Unmarshal(body); err != nil {
		return nil, 0, err
	}
	return seal.NewRing(config.Repository, true, &keyring), took, nil
}

func load(ctx context.Context, store object.Store, name string, into interface{ Unmarshal([]byte) error }) error {
	b, err := object.GetAll(ctx, store, name, format.MaxSealed)
	if err != nil {
		return err
	}
	return into.Unmarshal(b)
}

// hurried is a store that makes nothing durable: for repositories of a hundred thousand objects that live for minutes.
type hurried struct {
	*object.Local
	dir string
}

// PutIfAbsent implements object.Store.
func (h hurried) PutIfAbsent(_ context.Context, name string) (object.Upload, error) {
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return &hurriedUpload{path: path}, nil
}

type hurriedUpload struct {
	path string
	b    []byte
}

func (u *hurriedUpload) Write(p []byte) (int, error) { u.b = append(u.b, p...); return len(p), nil }
func (u *hurriedUpload) Commit() error               { return os.WriteFile(u.path, u.b, 0o600) }
func (u *hurriedUpload) Abort() error                { return nil }
