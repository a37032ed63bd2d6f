package index

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// InitOptions says what a new repository is like. The zero value is encrypted, which needs a Password, and compresses
// with zstd.
type InitOptions struct {
	Password     []byte
	NoEncryption bool
	Compression  string // zstd, s2, lz4 or none; "" is zstd
}

// Init makes a repository in an empty store. The config object comes last, so that an interrupted Init is no repository.
// ErrExists when there is one.
func Init(ctx context.Context, s object.Store, o InitOptions) error {
	if _, err := s.Stat(ctx, configName); !errors.Is(err, object.ErrNotExist) {
		return errors.Join(ErrExists, err)
	}
	if !o.NoEncryption && len(o.Password) == 0 {
		return errors.New("an encrypted repository needs a password")
	}
	c := format.Config{Log2Block: block.Log2Size, Compression: o.Compression, Encrypted: !o.NoEncryption}
	if c.Compression == "" {
		c.Compression = format.Zstd.String()
	}
	rand.Read(c.Repository[:])
	if err := c.Validate(); err != nil {
		return err
	}
	if err := object.Probe(ctx, s); err != nil {
		return fmt.Errorf("this storage cannot hold a repository: %w", err)
	}
	return initObjects(ctx, s, c, o.Password)
}

func initObjects(ctx context.Context, s object.Store, c format.Config, password []byte) error {
	config := c.Marshal()
	keyring := seal.NewKeyring(config)
	var root [32]byte
	if c.Encrypted {
		rand.Read(root[:])
		id, err := putSlot(ctx, s, seal.NewPasswordSlot(root, password, "first password"))
		if err != nil {
			return err
		}
		keyring.Slots = []string{id}
	}
	if err := putKeyring(ctx, s, seal.Root(c.Repository, c.Encrypted, root), 1, keyring); err != nil {
		return err
	}
	if err := object.PutBytes(ctx, s, configName, config); err != nil {
		return fmt.Errorf("store config: %w", err)
	}
	return nil
}

// putSlot stores a key slot under a random name, which it returns.
func putSlot(ctx context.Context, s object.Store, slot *format.KeySlot) (string, error) {
	var b [8]byte
	rand.Read(b[:])
	id := hex.EncodeToString(b[:])
	if err := object.PutBytes(ctx, s, slotName(id), slot.Marshal()); err != nil {
		return "", fmt.Errorf("store key slot: %w", err)
	}
	return id, nil
}

func putKeyring(ctx context.Context, s object.Store, root *seal.Ring, n int, k *format.Keyring) error {
	b, err := root.Seal(format.KindKeyring, keyringName(n), k.Marshal())
	if err != nil {
		return err
	}
	if err := object.PutBytes(ctx, s, keyringName(n), b); err != nil {
		return fmt.Errorf("store keyring: %w", err)
	}
	return nil
}
