package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"vbfs/index/format"
	"vbfs/index/object"
	"vbfs/index/seal"
)

// The keyring of the highest number counts. Older ones stay, a few hundred bytes each: nothing that reads has to find its
// way around deletions, and storage that forbids them will do. Deleting them would protect nothing: the same root key
// opens all, and who could read the storage may have kept copies.

// ring gives what opens and seals keyrings.
func (a *access) ring() *seal.Ring { return seal.Root(a.config.Repository, a.config.Encrypted, a.root) }

// newestKeyring gives the number of the keyring that counts.
func newestKeyring(ctx context.Context, s object.Store) (number int, err error) {
	for info, err := range s.List(ctx, keyringFolder) {
		if err != nil {
			return 0, fmt.Errorf("list keyrings: %w", err)
		}
		var n int
		if _, err := fmt.Sscanf(info.Name, keyringFolder+"/%08d", &n); err == nil && info.Name == keyringName(n) {
			number = max(number, n)
		}
	}
	if number == 0 {
		return 0, fmt.Errorf("no keyring: %w", ErrCorrupt)
	}
	return number, nil
}

func readKeyring(ctx context.Context, s object.Store, root *seal.Ring, name string) (*format.Keyring, error) {
	b, err := object.GetAll(ctx, s, name, maxSmall)
	if err != nil {
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	body, err := root.Open(format.KindKeyring, name, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	k := new(format.Keyring)
	if err := k.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return k, nil
}

// openNewest reads the keyring that counts.
func (a *access) openNewest(ctx context.Context) error {
	n, err := newestKeyring(ctx, a.store)
	if err != nil {
		return err
	}
	k, err := readKeyring(ctx, a.store, a.ring(), keyringName(n))
	if err != nil {
		return err
	}
	a.keyring, a.number = *k, n
	return nil
}

// newer is the Loader of the ring. It has no context: a read that meets a new master key cannot do without. The slot that
// opened need not count any more: its holder is at work since before, and has the root key.
func (a *access) newer() (*format.Keyring, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpTime)
	defer cancel()
	known, number := a.keyring, a.number
	n, err := newestKeyring(ctx, a.store)
	if err != nil || n == number {
		return nil, err
	}
	if n < number {
		return nil, fmt.Errorf("the newest keyring is %d, but was %d: %w", n, number, ErrCorrupt)
	}
	if err := a.openNewest(ctx); err != nil {
		return nil, err
	}
	if a.keyring.IDKey != known.IDKey || a.keyring.Config != known.Config {
		a.keyring, a.number = known, number
		return nil, fmt.Errorf("%s is of another repository: %w", keyringName(n), ErrCorrupt)
	}
	return &a.keyring, nil
}

// putKeyring stores a keyring whose number must be free: that shows that nobody else changed the keys meanwhile
// (ErrKeysChanged). When the answer is lost, the object itself tells what happened; but one that is there and may go
// again with the next power cut is no success.
func putKeyring(ctx context.Context, s object.Store, root *seal.Ring, n int, k *format.Keyring) error {
	name := keyringName(n)
	b, err := sealKeyring(root, name, k)
	if err != nil {
		return err
	}
	err = object.PutBytes(ctx, s, name, b)
	if err == nil {
		return nil
	}
	if errors.Is(err, object.ErrUnsynced) {
		return fmt.Errorf("store keyring: %w", err)
	}
	there, getErr := object.GetAll(context.WithoutCancel(ctx), s, name, maxSmall)
	switch {
	case getErr == nil && bytes.Equal(there, b):
		return nil
	case getErr == nil:
		return ErrKeysChanged
	}
	return fmt.Errorf("store keyring: %w", err)
}

// sealKeyring opens again what it sealed before anyone relies on it: without its keyring a repository is lost.
func sealKeyring(root *seal.Ring, name string, k *format.Keyring) ([]byte, error) {
	body := k.Marshal()
	b, err := root.Seal(format.KindKeyring, name, body)
	if err != nil {
		return nil, err
	}
	if len(b) > maxSmall {
		return nil, fmt.Errorf("a keyring of %d bytes is too large: remove key slots", len(b))
	}
	again, err := root.Open(format.KindKeyring, name, b)
	if err == nil {
		err = new(format.Keyring).Unmarshal(again)
	}
	if err != nil || !bytes.Equal(again, body) {
		return nil, fmt.Errorf("new keyring does not open: %v", err)
	}
	return b, nil
}
