package main

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"vbfs/index"
	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/pack"
	"vbfs/index/seal"
)

func verifyRow() row {
	return row{
		work: "`verify --read-data`, warm page cache, without the key derivation",
		peer: "opening and decoding the same packs alone, on all cores", goal: ">= 0.8", unit: "MiB/s", bound: 0.8, least: true,
		start: func(ctx context.Context, l *lab) (contest, error) {
			repo, err := l.repository(ctx, "zstd")
			if err != nil {
				return contest{}, err
			}
			p, err := openPacks(ctx, repo)
			if err != nil {
				return contest{}, err
			}
			data := float64(l.disk.dataBytes()) / (1 << 20)
			return contest{
				ours: func(ctx context.Context) (rate float64, err error) {
					err = within(ctx, repo, func(r *index.Repository) error {
						took, err := seconds(func() error { return verified(ctx, r) })
						rate = data / took
						return err
					})
					return rate, err
				},
				peer: func(ctx context.Context) (float64, error) {
					took, err := seconds(func() error { return p.decode(ctx) })
					return data / took, err
				},
				close: p.store.Close,
			}, err
		},
	}
}

// verified reads everything; what is not as it should be is an error.
func verified(ctx context.Context, r *index.Repository) error {
	problems, err := r.Verify(ctx, index.VerifyOptions{Share: 1})
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%s: %w", problems[0].Object, problems[0].What)
	}
	return err
}

// packs are those of a repository, and what opens them: less than a Repository does.
type packs struct {
	store *object.Local
	ring  *seal.Ring
	ids   []format.PackID
}

func openPacks(ctx context.Context, dir string) (p packs, err error) {
	if p.store, err = object.OpenLocal(dir); err != nil {
		return p, err
	}
	if p.ring, err = openRing(ctx, p.store); err != nil {
		return p, err
	}
	for info, err := range p.store.List(ctx, "packs") {
		if err != nil {
			return p, err
		}
		id, err := format.ParsePackID(path.Base(info.Name))
		if err != nil {
			return p, err
		}
		p.ids = append(p.ids, id)
	}
	return p, nil
}

// openRing opens the locks of a repository that was just made: one slot, one keyring.
func openRing(ctx context.Context, s object.Store) (*seal.Ring, error) {
	var config format.Config
	var slot format.KeySlot
	var keys format.Keyring
	if err := first(ctx, s, "config", config.Unmarshal); err != nil {
		return nil, err
	}
	if err := first(ctx, s, "keys", slot.Unmarshal); err != nil {
		return nil, err
	}
	root, err := seal.OpenPasswordSlot(&slot, []byte(password))
	if err != nil {
		return nil, err
	}
	const keyring = "keyring/00000001"
	err = first(ctx, s, "keyring", func(b []byte) error {
		body, err := seal.Root(config.Repository, true, root).Open(format.KindKeyring, keyring, b)
		if err != nil {
			return err
		}
		return keys.Unmarshal(body)
	})
	return seal.NewRing(config.Repository, true, &keys), err
}

// first reads the first object of a folder, or the object of that name.
func first(ctx context.Context, s object.Store, folder string, read func([]byte) error) error {
	name := folder
	for info, err := range s.List(ctx, folder) {
		if err != nil {
			return err
		}
		name = info.Name
		break
	}
	b, err := object.GetAll(ctx, s, name, 1<<20)
	if err != nil {
		return err
	}
	return read(b)
}

// together is how many blocks are read at once.
const together = 16

// decode opens and decodes every block, a pack a core at a time.
func (p packs) decode(ctx context.Context) error {
	d, err := pack.NewDecoder()
	if err != nil {
		return err
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			sealed, plain := make([]byte, together*format.MaxBlock), make([]byte, 0, block.Size+pack.Slack)
			for i := next.Add(1) - 1; i < int64(len(p.ids)); i = next.Add(1) - 1 {
				if err := p.decodeOne(ctx, d, p.ids[i], sealed, plain); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func (p packs) decodeOne(ctx context.Context, d *pack.Decoder, id format.PackID, sealed, plain []byte) error {
	rd, err := pack.Open(ctx, p.store, p.ring, id)
	if err != nil {
		return err
	}
	for slot := 0; slot < rd.Len(); slot += together {
		n := min(together, rd.Len()-slot)
		all, _, err := rd.Span(uint16(slot), n)
		if err != nil {
			return err
		}
		buf := sealed[:all.Len]
		if err := rd.Sealed(ctx, buf, all); err != nil {
			return err
		}
		for i := range n {
			one, _, err := rd.Span(uint16(slot+i), 1)
			if err != nil {
				return err
			}
			if _, err := rd.Decode(d, plain, uint16(slot+i), buf[:one.Len:one.Len]); err != nil {
				return err
			}
			buf = buf[one.Len:]
		}
	}
	return nil
}
