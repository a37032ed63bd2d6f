package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// Keys is what changes the key slots of an encrypted repository. It belongs to one goroutine.
type Keys struct {
	store object.Store
	a     *access
}

// A KeyInfo describes a key slot.
type KeyInfo struct {
	ID      string
	Slot    *format.KeySlot
	Current bool // it is the one that opened
}

// OpenKeys opens the locks of a repository.
func OpenKeys(ctx context.Context, s object.Store, o OpenOptions) (*Keys, error) {
	a, err := unlock(ctx, s, o.Password, o.Ask)
	if err != nil {
		return nil, err
	}
	if !a.config.Encrypted {
		return nil, errors.New("repository is not encrypted: it has no keys")
	}
	return &Keys{s, a}, nil
}

// List gives the slots that count, in order of their IDs.
func (k *Keys) List(ctx context.Context) ([]KeyInfo, error) {
	var out []KeyInfo
	for info, err := range k.store.List(ctx, keysFolder) {
		if err != nil {
			return nil, fmt.Errorf("list key slots: %w", err)
		}
		id := strings.TrimPrefix(info.Name, keysFolder+"/")
		if !slices.Contains(k.a.keyring.Slots, id) {
			continue
		}
		slot, err := readSlot(ctx, k.store, info.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, KeyInfo{id, slot, id == k.a.slot})
	}
	return out, nil
}

// Add makes a slot for a password and gives its ID.
func (k *Keys) Add(ctx context.Context, password []byte, label string) (string, error) {
	if len(password) == 0 {
		return "", errors.New("the new password is empty")
	}
	id, err := putSlot(ctx, k.store, seal.NewPasswordSlot(k.a.root, password, label))
	if err != nil {
		return "", err
	}
	return id, k.replaceSlots(ctx, append(slices.Clone(k.a.keyring.Slots), id))
}

// Remove makes a slot count no more and deletes it. ErrLastSlot when there is no other.
func (k *Keys) Remove(ctx context.Context, id string) error {
	left := slices.DeleteFunc(slices.Clone(k.a.keyring.Slots), func(s string) bool { return s == id })
	if len(left) == len(k.a.keyring.Slots) {
		return fmt.Errorf("no key slot %q", id)
	}
	if len(left) == 0 {
		return ErrLastSlot
	}
	if err := k.replaceSlots(ctx, left); err != nil {
		return err
	}
	if err := k.store.Delete(ctx, slotName(id)); err != nil && !errors.Is(err, object.ErrNotExist) {
		return fmt.Errorf("delete key slot: %w", err)
	}
	return nil
}

// Change puts a new password in the place of the one that opened.
func (k *Keys) Change(ctx context.Context, password []byte) (string, error) {
	old := k.a.slot
	label := ""
	if slot, err := readSlot(ctx, k.store, slotName(old)); err == nil {
		label = slot.Label
	}
	id, err := k.Add(ctx, password, label)
	if err != nil {
		return "", err
	}
	k.a.slot = id
	return id, k.Remove(ctx, old)
}

// replaceSlots stores the next keyring: the number's being free shows that nobody else changed the keys meanwhile.
func (k *Keys) replaceSlots(ctx context.Context, slots []string) error {
	next := k.a.keyring
	next.Slots = slots
	root := seal.Root(k.a.config.Repository, true, k.a.root)
	if err := putKeyring(ctx, k.store, root, k.a.number+1, &next); err != nil {
		return err
	}
	k.a.keyring, k.a.number = next, k.a.number+1
	return nil
}
