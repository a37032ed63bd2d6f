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
func writable(ctx context.Context, s object.Store) error {
	for info, err := range s.List(ctx, featuresFolder) {
		if err != nil {
			return fmt.Errorf("list features: %w", err)
		}
		if strings.HasPrefix(info.Name, featuresFolder+"/ro-") {
			return fmt.Errorf("feature %q forbids writing: %w", info.Name, ErrNewer)
		}
	}
	return nil
}

// unlock opens the repository's locks. password is asked for only when the repository is encrypted, unless given says
// that there is one in any case.
func unlock(ctx context.Context, s object.Store, password []byte, ask func() ([]byte, error)) (*access, error) {
	config, b, err := readConfig(ctx, s)
	if err != nil {
		return nil, err
	}
	a := &access{config: config}
	if config.Encrypted {
		if password == nil && ask != nil {
			if password, err = ask(); err != nil {
				return nil, err
			}
		}
		if err := a.openSlot(ctx, s, password); err != nil {
			return nil, err
		}
	} else if len(password) > 0 {
		return nil, ErrNotEncrypted
	}
	if err := a.openKeyring(ctx, s); err != nil {
		return nil, err
	}
	if a.keyring.Config != sha256.Sum256(b) {
		return nil, fmt.Errorf("config is not the one that the keyring names: %w", ErrCorrupt)
	}
	if a.slot != "" && !slices.Contains(a.keyring.Slots, a.slot) {
		return nil, fmt.Errorf("key slot %s was removed: %w", a.slot, ErrPassword)
	}
	return a, nil
}

// openSlot tries the password on each slot. A damaged slot is told of when no other opens.
func (a *access) openSlot(ctx context.Context, s object.Store, password []byte) error {
	var damage error
	for info, err := range s.List(ctx, keysFolder) {
		if err != nil {
			return fmt.Errorf("list key slots: %w", err)
		}
		slot, err := readSlot(ctx, s, info.Name)
		if err != nil {
			damage = errors.Join(damage, err)
			continue
		}
		if a.root, err = seal.OpenPasswordSlot(slot, password); err == nil {
			a.slot = strings.TrimPrefix(info.Name, keysFolder+"/")
			return nil
		}
	}
	if damage != nil {
		return damage
	}
	return ErrPassword
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

// openKeyring reads the keyring of the highest number.
func (a *access) openKeyring(ctx context.Context, s object.Store) error {
	name := ""
	for info, err := range s.List(ctx, keyringFolder) {
		if err != nil {
			return fmt.Errorf("list keyrings: %w", err)
		}
		name = info.Name
	}
	if _, err := fmt.Sscanf(name, keyringFolder+"/%d", &a.number); err != nil {
		return fmt.Errorf("no keyring: %w", ErrCorrupt)
	}
	b, err := object.GetAll(ctx, s, name, maxSmall)
	if err != nil {
		return fmt.Errorf("read keyring: %w", err)
	}
	body, err := seal.Root(a.config.Repository, a.config.Encrypted, a.root).Open(format.KindKeyring, name, b)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := a.keyring.Unmarshal(body); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
