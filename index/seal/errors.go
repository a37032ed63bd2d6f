package seal

import "errors"

// ErrPassword is returned when no key slot opens with the password given.
var ErrPassword = errors.New("wrong password")

// ErrKey is returned for an object under a master key that the keyring does not have.
var ErrKey = errors.New("sealed under a key that this keyring does not have")
