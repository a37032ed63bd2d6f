package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// Keys is what changes the keys of an encrypted repository. It belongs to one goroutine. Each change is one keyring: it
// happened when that is stored, and not at all before.
type Keys struct {
	store object.Store
	a     *access
}

// A KeyInfo describes a key slot.
type KeyInfo struct {
	ID      string
	Slot    *format.KeySlot // nil when it is damaged or missing, and opens nothing
	Damage  error
	Current bool // it is the one that opened
}

// OpenKeys opens the locks of a repository.
func OpenKeys(ctx context.Context, s object.Store, o OpenOptions) (*Keys, error) {
	a, err := unlock(ctx, s, o)
	if err != nil {
		return nil, err
	}
	if !a.config.Encrypted {
		return nil, errors.New("repository is not encrypted: it has no keys")
	}
	return &Keys{s, a}, nil
}

// Repository is the repository's ID.
func (k *Keys) Repository() format.UUID { return k.a.config.Repository }

// List gives the slots that count, in order of their IDs.
func (k *Keys) List(ctx context.Context) ([]KeyInfo, error) {
	var out []KeyInfo
	for _, id := range slices.Sorted(slices.Values(k.a.keyring.Slots)) {
		slot, err := readSlot(ctx, k.store, slotName(id))
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) && !errors.Is(err, object.ErrNotExist) {
			return nil, err
		}
		out = append(out, KeyInfo{id, slot, err, id == k.a.slot})
	}
	return out, nil
}

// Add makes a slot for a password and gives its ID.
func (k *Keys) Add(ctx context.Context, password []byte, label string) (string, error) {
	if len(password) == 0 {
		return "", errors.New("the new password is empty")
	}
	ids, err := k.change(ctx, []*format.KeySlot{seal.NewPasswordSlot(k.a.root, password, label)}, nil)
	return first(ids), err
}

// AddRecipients makes a slot for each recipient and gives their IDs.
func (k *Keys) AddRecipients(ctx context.Context, to []seal.Recipient, label string) ([]string, error) {
	slots, err := ageSlots(k.a.root, to, label)
	if err != nil {
		return nil, err
	}
	return k.change(ctx, slots, nil)
}

// AddRecovery makes a slot for a new recovery key, and gives the key's text: it is stored nowhere.
func (k *Keys) AddRecovery(ctx context.Context, label string) (id, text string, err error) {
	text = seal.NewRecoveryKey().Text()
	key, err := seal.ParseRecoveryKey([]byte(text)) // what will be typed, not what was made
	if err != nil {
		return "", "", err
	}
	slot := seal.NewRecoverySlot(k.a.root, key, label)
	if root, err := (seal.Secrets{Password: []byte(text)}).Open(slot); err != nil || root != k.a.root {
		return "", "", errors.New("the new recovery key does not open its slot")
	}
	ids, err := k.change(ctx, []*format.KeySlot{slot}, nil)
	return first(ids), text, err
}

// Remove makes a slot count no more and deletes it. ErrLastSlot when no other can open the repository.
func (k *Keys) Remove(ctx context.Context, id string) error {
	if !slices.Contains(k.a.keyring.Slots, id) {
		return fmt.Errorf("no key slot %q", id)
	}
	slots, err := k.List(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(slots, func(s KeyInfo) bool { return s.ID != id && s.Slot != nil }) {
		return ErrLastSlot
	}
	_, err = k.change(ctx, nil, []string{id})
	return err
}

// Change puts a new password in the place of the one that opened. What else opened stays, and the password is added.
func (k *Keys) Change(ctx context.Context, password []byte) (id string, replaced bool, err error) {
	old, err := readSlot(ctx, k.store, slotName(k.a.slot))
	if err != nil {
		return "", false, err
	}
	if old.Kind != format.SlotPassword {
		id, err = k.Add(ctx, password, "")
		return id, false, err
	}
	if len(password) == 0 {
		return "", false, errors.New("the new password is empty")
	}
	slots := []*format.KeySlot{seal.NewPasswordSlot(k.a.root, password, old.Label)}
	ids, err := k.change(ctx, slots, []string{k.a.slot})
	if first(ids) != "" {
		k.a.slot = ids[0]
	}
	return first(ids), true, err
}

// Rotate adds a master key, which everything new is sealed under from now on, and gives its number. What is stored stays
// readable.
func (k *Keys) Rotate(ctx context.Context) (uint32, error) {
	next, number, err := seal.NextMaster(k.a.keyring)
	if err != nil {
		return 0, err
	}
	return number, k.replace(ctx, next)
}

// change adds slots and takes others out, as one step. An error together with IDs is of tidying up: the keys are changed.
func (k *Keys) change(ctx context.Context, add []*format.KeySlot, remove []string) ([]string, error) {
	ids, err := putSlots(ctx, k.store, add)
	if err != nil {
		return nil, errors.Join(err, k.drop(ctx, ids))
	}
	next := k.a.keyring
	next.Slots = slices.DeleteFunc(slices.Clone(next.Slots), func(s string) bool { return slices.Contains(remove, s) })
	next.Slots = append(next.Slots, ids...)
	switch err := k.replace(ctx, next); {
	case errors.Is(err, ErrKeysChanged): // this keyring will never be
		return nil, errors.Join(err, k.drop(ctx, ids))
	case err != nil:
		return nil, err
	}
	if err := k.drop(ctx, remove); err != nil {
		return ids, fmt.Errorf("the keys are changed, but what they were is left: %w", err)
	}
	return ids, nil
}

// drop deletes slots that no keyring lists.
func (k *Keys) drop(ctx context.Context, ids []string) (all error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	for _, id := range ids {
		if err := k.store.Delete(ctx, slotName(id)); err != nil && !errors.Is(err, object.ErrNotExist) {
			all = errors.Join(all, fmt.Errorf("delete key slot: %w", err))
		}
	}
	return all
}

// replace stores the next keyring.
func (k *Keys) replace(ctx context.Context, next format.Keyring) error {
	if err := putKeyring(ctx, k.store, k.a.ring(), k.a.number+1, &next); err != nil {
		return err
	}
	k.a.keyring, k.a.number = next, k.a.number+1
	return nil
}

func first(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}
