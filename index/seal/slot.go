package seal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"

	"vbfs/index/format"
)

// Secrets are what a caller has to open slots with: any of them will do.
type Secrets struct {
	Password   []byte // or a recovery key, as it was typed
	Identities []age.Identity
}

// Given tells whether there is any.
func (s Secrets) Given() bool { return len(s.Password) > 0 || len(s.Identities) > 0 }

// Open gives the root key that is in a slot. ErrPassword or ErrIdentity when the secrets do not open it.
func (s Secrets) Open(slot *format.KeySlot) ([32]byte, error) {
	switch {
	case slot.Kind == format.SlotAge && len(s.Identities) > 0:
		return openAge(slot, s.Identities)
	case slot.Kind == format.SlotRecovery && len(s.Password) > 0:
		k, err := ParseRecoveryKey(s.Password)
		if err != nil {
			return [32]byte{}, ErrPassword
		}
		return openRecovery(slot, k)
	case slot.Kind == format.SlotPassword && len(s.Password) > 0:
		return OpenPasswordSlot(slot, s.Password)
	}
	return [32]byte{}, ErrPassword
}

// Wrong is the error when they open no slot.
func (s Secrets) Wrong() error {
	var errs []error
	if len(s.Identities) > 0 {
		errs = append(errs, ErrIdentity)
	}
	if len(s.Password) > 0 || len(errs) == 0 {
		errs = append(errs, ErrPassword)
	}
	if _, err := ParseRecoveryKey(s.Password); errors.Is(err, ErrTyping) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Cheapest puts the slots that cost least to try first: those of passwords are slow by design.
func Cheapest(a, b *format.KeySlot) int {
	return cmp.Compare(slices.Index(cheapest, a.Kind), slices.Index(cheapest, b.Kind))
}

var cheapest = []string{format.SlotRecovery, format.SlotAge, format.SlotPassword}

// wrap seals the root key under a key that is used for this message only. What kind of slot it lies in is bound.
func wrap(key [32]byte, kind string, root [32]byte) []byte {
	c := gcm(key)
	return c.Seal(nil, make([]byte, c.NonceSize()), root[:], []byte(kind))
}

func unwrap(key [32]byte, s *format.KeySlot) (root [32]byte, err error) {
	c := gcm(key)
	b, err := c.Open(nil, make([]byte, c.NonceSize()), s.Wrapped, []byte(s.Kind))
	if err != nil || len(b) != len(root) {
		return root, ErrPassword
	}
	return [32]byte(b), nil
}

// NextMaster gives a keyring with one more master key, which new objects are to use, and its number.
func NextMaster(k format.Keyring) (format.Keyring, uint32, error) {
	last := k.Masters[len(k.Masters)-1].Number
	if last+1 == 0 {
		return k, 0, fmt.Errorf("master key %d is the last that there can be", last)
	}
	m := format.MasterKey{Number: last + 1}
	newKey(&m.Key)
	k.Masters = append(slices.Clone(k.Masters), m)
	return k, m.Number, nil
}
