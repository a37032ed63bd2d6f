package seal

import (
	"crypto/cipher"
	"fmt"

	"vbfs/index/format"
)

// Masters are the master keys of one keyring. They never change.
type masters struct {
	keys      map[uint32][32]byte
	current   uint32                 // number of the master key for new objects
	summaries map[uint32]cipher.AEAD // of catalogs, by master key
}

func (r *Ring) masters(k *format.Keyring) *masters {
	m := &masters{keys: map[uint32][32]byte{}, summaries: map[uint32]cipher.AEAD{}}
	for _, master := range k.Masters {
		m.keys[master.Number] = master.Key
		m.summaries[master.Number] = checksum{}
		if r.encrypted {
			m.summaries[master.Number] = r.cipher(master.Key, nil, "summary")
		}
		m.current = master.Number
	}
	return m
}

// Current is the number of the master key that new objects are sealed under.
func (r *Ring) Current() uint32 { return r.known.Load().current }

// Refresh learns master keys that are newer than the known ones.
func (r *Ring) Refresh() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refresh()
}

// refresh is called with mu held. A keyring that lacks a known key is refused: what is sealed under it would not open.
func (r *Ring) refresh() error {
	if r.load == nil || !r.encrypted {
		return nil
	}
	k, err := r.load()
	if err != nil || k == nil {
		return err
	}
	next := r.masters(k)
	for number, key := range r.known.Load().keys {
		if next.keys[number] != key {
			return fmt.Errorf("%w: the newest keyring has another master key %d", format.ErrMalformed, number)
		}
	}
	r.known.Store(next)
	return nil
}

// master gives a master key. One that is not known may be newer than the ring: the keyring is loaded again, by one
// goroutine. A number that the newest keyring does not have is damage: the keyring is stored before anything is sealed
// under its keys.
func (r *Ring) master(number uint32) ([32]byte, error) {
	if key, ok := r.known.Load().keys[number]; ok {
		return key, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if key, ok := r.known.Load().keys[number]; ok { // learned while it waited
		return key, nil
	}
	if err := r.refresh(); err != nil {
		return [32]byte{}, fmt.Errorf("look for master key %d: %w", number, err)
	}
	if key, ok := r.known.Load().keys[number]; ok {
		return key, nil
	}
	return [32]byte{}, fmt.Errorf("%w: number %d: %w", ErrKey, number, format.ErrMalformed)
}
