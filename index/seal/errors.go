package seal

import "errors"

// ErrPassword is returned when no key slot opens with the password given.
var ErrPassword = errors.New("wrong password")

// ErrIdentity is returned when no key slot opens with the identities given.
var ErrIdentity = errors.New("no key slot is for this identity")

// ErrTyping is returned for what looks like a recovery key and is none.
var ErrTyping = errors.New("this recovery key has a typing error")

// ErrKey is returned for an object under a master key that the keyring does not have.
var ErrKey = errors.New("sealed under a key that this keyring does not have")
