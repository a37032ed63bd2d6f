package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

const maxSmall = 1 << 20 // bytes of a config, key slot or keyring

// Access is what opening the locks of a repository gives: its config, the root key and the newest keyring.
type access struct {
	store   object.Store
	config  format.Config
	root    [32]byte
	slot    string // name of the slot that opened; empty without encryption
	keyring format.Keyring
	number  int // of the keyring object
}

// readConfig gives the config and its bytes.
func readConfig(ctx context.Context, s object.Store) (c format.Config, b []byte, err error) {
	b, err = object.GetAll(ctx, s, configName, maxSmall)
	if errors.Is(err, object.ErrNotExist) {
		return c, nil, ErrNoRepository
	}
	if err != nil {
		return c, nil, fmt.Errorf("read config: %w", err)
	}
	if err := c.Unmarshal(b); err != nil {
		return c, nil, fmt.Errorf("config: %w", err)
	}
	return c, b, checkFeatures(ctx, s)
}

// checkFeatures refuses what a later release added and this one must not even read.
func checkFeatures(ctx context.Context, s object.Store) error {
	for info, err := range s.List(ctx, featuresFolder) {
		if err != nil {
			return fmt.Errorf("list features: %w", err)
		}
		name := strings.TrimPrefix(info.Name, featuresFolder+"/")
		if !strings.HasPrefix(name, "ro-") && !strings.HasPrefix(name, "gc-") {
			return fmt.Errorf("feature %q: %w", name, ErrNewer)
		}
	}
	return nil
}

// writable refuses to write to a repository with a feature of class ro.
func writable(ctx context.Context, s object.Store) error { return refuse(ctx, s, "ro-", "writing") }

// collectable refuses to forget, collect or repair in a repository with a feature of class ro or gc.
func collectable(ctx context.Context, s object.Store) error {
	if err := writable(ctx, s); err != nil {
		return err
	}
	return refuse(ctx, s, "gc-", "forget, prune and repair")
}

// refuse fails when there is a feature of a class, which forbids what.
func refuse(ctx context.Context, s object.Store, class, what string) error {
	for info, err := range s.List(ctx, featuresFolder) {
		if err != nil {
			return fmt.Errorf("list features: %w", err)
		}
		if strings.HasPrefix(info.Name, featuresFolder+"/"+class) {
			return fmt.Errorf("feature %q forbids %s: %w", info.Name, what, ErrNewer)
		}
	}
	return nil
}

// unlock opens the repository's locks. What opens them is asked for only when the repository is encrypted and nothing
// was given. Who gave something is not let into a repository without encryption.
func unlock(ctx context.Context, s object.Store, o OpenOptions) (*access, error) {
	config, b, err := readConfig(ctx, s)
	if err != nil {
		return nil, err
	}
	a := &access{store: s, config: config}
	secrets := seal.Secrets{Password: o.Password, Identities: o.Identities}
	switch {
	case !config.Encrypted && secrets.Given():
		return nil, ErrNotEncrypted
	case !config.Encrypted:
		if err := a.openNewest(ctx); err != nil {
			return nil, err
		}
		return a, a.checkConfig(b)
	case !secrets.Given() && o.Ask != nil:
		if secrets.Password, err = o.Ask(); err != nil {
			return nil, err
		}
	}
	if err := a.openSlots(ctx, secrets); err != nil {
		return nil, err
	}
	return a, a.checkConfig(b)
}

// checkConfig makes the config authentic: it was read before there was a key.
func (a *access) checkConfig(b []byte) error {
	if a.keyring.Config != sha256.Sum256(b) {
		return fmt.Errorf("config is not the one that the keyring names: %w", ErrCorrupt)
	}
	return nil
}

// openSlots tries the secrets on each slot until one opens that the keyring lists. What hinders one slot is told of when
// no other opens: anybody can write a file for an age recipient.
func (a *access) openSlots(ctx context.Context, secrets seal.Secrets) error {
	slots, damage := readSlots(ctx, a.store)
	slices.SortStableFunc(slots, func(x, y namedSlot) int { return seal.Cheapest(x.KeySlot, y.KeySlot) })
	for _, slot := range slots {
		root, err := secrets.Open(slot.KeySlot)
		if err != nil {
			continue
		}
		a.root, a.slot = root, slot.id
		err = a.openNewest(ctx)
		if err == nil && slices.Contains(a.keyring.Slots, slot.id) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("key slot %s was removed: %w", slot.id, ErrPassword)
		}
		damage = errors.Join(damage, err)
	}
	if damage != nil {
		return damage
	}
	return secrets.Wrong()
}

// A namedSlot is a slot and its ID.
type namedSlot struct {
	id string
	*format.KeySlot
}

// readSlots gives the slots that are whole. The error tells of the others.
func readSlots(ctx context.Context, s object.Store) (slots []namedSlot, damage error) {
	for info, err := range s.List(ctx, keysFolder) {
		if err != nil {
			return nil, fmt.Errorf("list key slots: %w", err)
		}
		slot, err := readSlot(ctx, s, info.Name)
		if err == nil {
			slots = append(slots, namedSlot{strings.TrimPrefix(info.Name, keysFolder+"/"), slot})
		} else if !errors.Is(err, object.ErrNotExist) { // removed since it was listed
			damage = errors.Join(damage, err)
		}
	}
	return slots, damage
}

func readSlot(ctx context.Context, s object.Store, name string) (*format.KeySlot, error) {
	b, err := object.GetAll(ctx, s, name, maxSmall)
	if err != nil {
		return nil, fmt.Errorf("read key slot: %w", err)
	}
	var slot format.KeySlot
	if err := slot.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &slot, nil
}
