package format

import "time"

// Kinds of key slots.
const (
	SlotPassword = "password" // Argon2id of a password
	SlotAge      = "age"      // an age recipient
)

// A KeySlot wraps the root key for one password or age recipient.
type KeySlot struct {
	Kind    string
	Label   string // for people: who or what the key is of
	Created time.Time
	Time    uint32 // Argon2id passes
	Memory  uint32 // Argon2id KiB
	Threads uint8  // Argon2id lanes
	Salt    []byte // Argon2id salt, 16 bytes
	Wrapped []byte // root key: AES-256-GCM under the password's key, or an age file
	Extra   []Extra
}

func (s *KeySlot) fields() []field {
	return []field{
		text(critical|1, &s.Kind),
		text(2, &s.Label),
		instant(3, &s.Created),
		number(4, &s.Time),
		number(5, &s.Memory),
		number(6, &s.Threads),
		blob(7, &s.Salt),
		blob(critical|8, &s.Wrapped),
	}
}
func (s *KeySlot) extras() *[]Extra { return &s.Extra }

// Marshal gives the object's bytes.
func (s *KeySlot) Marshal() []byte { return frame(KindKeySlot, s) }

// Unmarshal reads the object's bytes.
func (s *KeySlot) Unmarshal(b []byte) error {
	*s = KeySlot{}
	if err := unframe(KindKeySlot, s, b); err != nil {
		return err
	}
	return s.Validate()
}

// Validate bounds the work that a slot asks for, so that a hostile file cannot exhaust the machine.
func (s *KeySlot) Validate() error {
	switch {
	case s.Kind != SlotPassword && s.Kind != SlotAge:
		return unknown("key slot of kind %q", s.Kind)
	case len(s.Wrapped) == 0 || len(s.Wrapped) > 16<<10:
		return malformed("key slot with a wrapped key of %d bytes", len(s.Wrapped))
	case s.Kind == SlotAge:
		return nil
	case s.Time < 1 || s.Time > 64 || s.Memory < 8<<10 || s.Memory > 4<<20 || s.Threads < 1 || s.Threads > 64:
		return malformed("Argon2id with t=%d m=%d KiB p=%d", s.Time, s.Memory, s.Threads)
	case len(s.Salt) != 16:
		return malformed("Argon2id salt of %d bytes", len(s.Salt))
	}
	return nil
}

// A MasterKey is one generation of the key that object keys are made from.
type MasterKey struct {
	Number uint32
	Key    [32]byte
	Extra  []Extra
}

func (m *MasterKey) fields() []field {
	return []field{number(critical|1, &m.Number), fixed32(critical|2, &m.Key)}
}
func (m *MasterKey) extras() *[]Extra { return &m.Extra }

// A Keyring is what the root key opens: the highest numbered object in keyring/ counts.
type Keyring struct {
	Masters []MasterKey // ascending numbers; new objects use the last
	IDKey   [32]byte    // keys block IDs, digests, node hashes and machine tags; never changes
	Config  [32]byte    // SHA-256 of the config object, which makes it authentic
	Slots   []string    // names of the key slots that count; others are refused
	Extra   []Extra
}

func (k *Keyring) fields() []field {
	return []field{
		records(critical|1, &k.Masters),
		fixed32(critical|2, &k.IDKey),
		fixed32(critical|3, &k.Config),
		texts(critical|4, &k.Slots),
	}
}
func (k *Keyring) extras() *[]Extra { return &k.Extra }

// Marshal gives the record's bytes, to be sealed.
func (k *Keyring) Marshal() []byte { return encode(k) }

// Unmarshal reads the record's bytes.
func (k *Keyring) Unmarshal(b []byte) error {
	*k = Keyring{}
	if err := decode(k, b); err != nil {
		return err
	}
	for i := 1; i < len(k.Masters); i++ {
		if k.Masters[i].Number <= k.Masters[i-1].Number {
			return malformed("master keys out of order")
		}
	}
	if k.IDKey == [32]byte{} || len(k.Masters) == 0 {
		return malformed("keyring without keys")
	}
	return nil
}
