package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"vbfs/index/format"
)

// A RecoveryKey is 256 random bits for paper. As text it is Crockford's base32, which has no I, L, O and U, of the key and
// of the first 3 bytes of SHA-256("vbfs recovery key" 0x00 key): 56 characters, in groups of 4 with dashes.
type RecoveryKey struct {
	secret [32]byte
}

const (
	recoverySum   = 3
	recoveryChars = 56 // (32 + 3) * 8 / 5
	recoveryGroup = 4
	// With fewer or more characters than these a text is a password, and no recovery key with some left out or typed twice.
	recoveryShort, recoveryLong = 48, 64
)

const crockfordChars = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var crockford = base32.NewEncoding(crockfordChars).WithPadding(base32.NoPadding)

var errNoRecoveryKey = errors.New("no recovery key")

// NewRecoveryKey makes one.
func NewRecoveryKey() (k RecoveryKey) {
	rand.Read(k.secret[:])
	return k
}

// Text is the key as it is printed. It is not called String, so that nothing prints it by the way.
func (k RecoveryKey) Text() string {
	s := crockford.EncodeToString(append(k.secret[:], k.sum()...))
	groups := make([]string, 0, recoveryChars/recoveryGroup)
	for ; s != ""; s = s[recoveryGroup:] {
		groups = append(groups, s[:recoveryGroup])
	}
	return strings.Join(groups, "-")
}

// Format keeps the key out of messages, whatever the verb.
func (k RecoveryKey) Format(s fmt.State, _ rune) { fmt.Fprint(s, "a recovery key") }

func (k RecoveryKey) sum() []byte {
	sum := sha256.Sum256(append([]byte("vbfs recovery key\x00"), k.secret[:]...))
	return sum[:recoverySum]
}

// ParseRecoveryKey reads the text as people type it: case, spaces and dashes do not count, I and L are 1, O is 0. ErrTyping
// when it is one with a typing error; another error when it is something else.
func ParseRecoveryKey(text []byte) (k RecoveryKey, err error) {
	s := strings.Map(typed, string(text))
	b, err := crockford.DecodeString(s)
	switch {
	case len(s) < recoveryShort || len(s) > recoveryLong || strings.Trim(s, crockfordChars) != "":
		return k, errNoRecoveryKey
	case len(s) != recoveryChars:
		return k, fmt.Errorf("%w: it has %d characters, not %d", ErrTyping, len(s), recoveryChars)
	case err != nil:
		return k, errNoRecoveryKey
	}
	copy(k.secret[:], b)
	if !bytes.Equal(b[len(k.secret):], k.sum()) {
		return RecoveryKey{}, fmt.Errorf("%w: its checksum does not match", ErrTyping)
	}
	return k, nil
}

// typed gives the character that was meant; what parts groups goes.
func typed(r rune) rune {
	switch r = unicode.ToUpper(r); {
	case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r):
		return -1
	case r == 'I' || r == 'L':
		return '1'
	case r == 'O':
		return '0'
	}
	return r
}

// NewRecoverySlot wraps the root key for a recovery key, which is random enough to need no Argon2id.
func NewRecoverySlot(root [32]byte, k RecoveryKey, label string) *format.KeySlot {
	s := &format.KeySlot{
		Kind: format.SlotRecovery, Label: label, Created: time.Now().UTC().Truncate(time.Second), Salt: make([]byte, 16),
	}
	rand.Read(s.Salt)
	s.Wrapped = wrap(derive(k.secret, s.Salt, "recovery"), s.Kind, root)
	return s
}

// openRecovery gives the root key, or ErrPassword.
func openRecovery(s *format.KeySlot, k RecoveryKey) ([32]byte, error) {
	return unwrap(derive(k.secret, s.Salt, "recovery"), s)
}
