package seal

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"vbfs/index/format"
)

// A Recipient is a public key that a slot can be made for: who holds its secret half opens the repository.
type Recipient struct {
	Text string // as people write it, without a comment
	key  age.Recipient
}

// What is no recipient, and what is no identity. Neither says more of what it looked at: it may be a secret.
var (
	errRecipient = errors.New("neither an age recipient (age1…) nor a public key of type ssh-ed25519 or ssh-rsa")
	errSecret    = errors.New("this is a secret key, not its recipient: who saw it can use it, so make another pair")
	errIdentity  = errors.New("neither age identities nor an unprotected SSH private key")
)

// ParseRecipient reads age1…, age1pq1…, or a line of an SSH public key.
func ParseRecipient(text string) (r Recipient, err error) {
	words := strings.Fields(text)
	switch {
	case strings.Contains(strings.ToUpper(text), "AGE-SECRET-KEY-"), strings.Contains(text, "PRIVATE KEY"):
		return r, errSecret
	case len(words) == 1 && strings.HasPrefix(words[0], "age1pq1"):
		r.key, err = age.ParseHybridRecipient(words[0])
	case len(words) == 1 && strings.HasPrefix(words[0], "age1"):
		r.key, err = age.ParseX25519Recipient(words[0])
	case len(words) >= 2 && strings.HasPrefix(words[0], "ssh-"):
		words = words[:2]
		r.key, err = agessh.ParseRecipient(strings.Join(words, " "))
	default:
		return r, errRecipient
	}
	r.Text = strings.Join(words, " ")
	return r, err
}

// ParseIdentities reads what opens age slots: lines of AGE-SECRET-KEY-1…, among comments, or an SSH private key.
func ParseIdentities(file []byte) ([]age.Identity, error) {
	if ids, err := age.ParseIdentities(bytes.NewReader(file)); err == nil {
		return ids, nil
	}
	id, err := agessh.ParseIdentity(file)
	if err != nil {
		return nil, errIdentity
	}
	return []age.Identity{id}, nil
}

// NewAgeSlot wraps the root key for a recipient. It needs no secret of theirs.
func NewAgeSlot(root [32]byte, r Recipient, label string) (*format.KeySlot, error) {
	var file bytes.Buffer
	w, err := age.Encrypt(&file, r.key)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(root[:]); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &format.KeySlot{
		Kind: format.SlotAge, Label: label, Created: time.Now().UTC().Truncate(time.Second), Recipient: r.Text,
		Wrapped: file.Bytes(),
	}, nil
}

// openAge gives the root key, or ErrIdentity, whatever is wrong: what is no age file was not made by a writer.
func openAge(s *format.KeySlot, ids []age.Identity) (root [32]byte, err error) {
	r, err := age.Decrypt(bytes.NewReader(s.Wrapped), ids...)
	if err != nil {
		return root, ErrIdentity
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(len(root))+1))
	if err != nil || len(b) != len(root) {
		return root, ErrIdentity
	}
	return [32]byte(b), nil
}
