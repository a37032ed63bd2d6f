package format

import "time"

// Kinds of key slots.
const (
	SlotPassword = "password" // Argon2id of a password
	SlotAge      = "age"      // an age recipient
	SlotRecovery = "recovery" // a generated key on paper
)

const (
	MaxLabel     = 200      // bytes of a slot's label
	maxRecipient = 4 << 10  // bytes: an SSH key of 16,384 bits has 2,800
	maxWrapped   = 16 << 10 // bytes: an age file for one recipient has a tenth of it at most
	saltSize     = 16
)

// A KeySlot wraps the root key for one password, age recipient or recovery key.
type KeySlot struct {
	Kind      string
	Label     string // for people: who or what the key is of
	Created   time.Time
	Time      uint32 // Argon2id passes
	Memory    uint32 // Argon2id KiB
	Threads   uint8  // Argon2id lanes
	Salt      []byte // 16 bytes, of Argon2id or of the recovery key's HKDF
	Wrapped   []byte // root key: AES-256-GCM under the slot's key, or an age file
	Recipient string // of an age slot, for people: nothing makes it authentic
	Extra     []Extra
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
		text(9, &s.Recipient),
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
	case s.Kind != SlotPassword && s.Kind != SlotAge && s.Kind != SlotRecovery:
		return unknown("key slot of kind %q", s.Kind)
	case len(s.Wrapped) == 0 || len(s.Wrapped) > maxWrapped:
		return malformed("key slot with a wrapped key of %d bytes", len(s.Wrapped))
	case len(s.Label) > MaxLabel:
		return malformed("key slot with a label of %d bytes", len(s.Label))
	case len(s.Recipient) > maxRecipient:
		return malformed("key slot with a recipient of %d bytes", len(s.Recipient))
	case s.Kind == SlotAge:
		return nil
	case len(s.Salt) != saltSize:
		return malformed("key slot with a salt of %d bytes", len(s.Salt))
	case s.Kind == SlotRecovery:
		return nil
	case s.Time < 1 || s.Time > 64 || s.Memory < 8<<10 || s.Memory > 4<<20 || s.Threads < 1 || s.Threads > 64:
		return malformed("Argon2id with t=%d m=%d KiB p=%d", s.Time, s.Memory, s.Threads)
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
