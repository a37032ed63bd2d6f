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
	Compression  string           // zstd, s2, lz4 or none; "" is zstd
	Reserve      bool             // keep some bytes for the day when the storage is full
	Escrow       []seal.Recipient // who may open it, too
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
	if o.NoEncryption && len(o.Escrow) > 0 {
		return errors.New("a repository without encryption has no keys to leave in escrow")
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
	if o.Reserve {
		if err := putReserve(ctx, s); err != nil && !full(err) { // a small storage has to do without
			return err
		}
	}
	return initObjects(ctx, s, c, o)
}

func initObjects(ctx context.Context, s object.Store, c format.Config, o InitOptions) error {
	config := c.Marshal()
	keyring := seal.NewKeyring(config)
	var root [32]byte
	if c.Encrypted {
		rand.Read(root[:])
		slots, err := ageSlots(root, o.Escrow, EscrowLabel)
		if err != nil {
			return err
		}
		slots = append(slots, seal.NewPasswordSlot(root, o.Password, "first password"))
		if keyring.Slots, err = putSlots(ctx, s, slots); err != nil {
			return err
		}
	}
	if err := putKeyring(ctx, s, seal.Root(c.Repository, c.Encrypted, root), 1, keyring); err != nil {
		return err
	}
	if err := object.PutBytes(ctx, s, configName, config); err != nil {
		return fmt.Errorf("store config: %w", err)
	}
	return nil
}

// EscrowLabel is the label of slots for who keeps a key for others.
const EscrowLabel = "escrow"

func ageSlots(root [32]byte, to []seal.Recipient, label string) (slots []*format.KeySlot, err error) {
	for _, r := range to {
		slot, err := seal.NewAgeSlot(root, r, label)
		if err != nil {
			return nil, fmt.Errorf("key slot for %s: %w", r.Text, err)
		}
		slots = append(slots, slot)
	}
	return slots, nil
}

// putSlots stores key slots under random names, which it returns. No slot counts before a keyring lists it.
func putSlots(ctx context.Context, s object.Store, slots []*format.KeySlot) (ids []string, err error) {
	for _, slot := range slots {
		if err := slot.Validate(); err != nil { // no mark of damage: nothing is stored yet
			return ids, fmt.Errorf("new key slot: %v", err)
		}
		var b [8]byte
		rand.Read(b[:])
		id := hex.EncodeToString(b[:])
		ids = append(ids, id)
		if err := object.PutBytes(ctx, s, slotName(id), slot.Marshal()); err != nil {
			return ids, fmt.Errorf("store key slot: %w", err)
		}
	}
	return ids, nil
}
