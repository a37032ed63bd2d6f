package index

import (
	"errors"

	"vbfs/index/format"
	"vbfs/index/seal"
)

// What can be asked of an error of this package, by errors.Is.
var (
	// ErrCorrupt marks stored bytes that are missing or not what was written.
	ErrCorrupt = format.ErrMalformed
	// ErrNewer marks what a later release wrote.
	ErrNewer = format.ErrUnknown
	// ErrPassword says that no key slot opens with the password.
	ErrPassword = seal.ErrPassword

	// ErrNoRepository says that there is no repository at the place.
	ErrNoRepository = errors.New("no repository")
	// ErrExists says that there is a repository already.
	ErrExists = errors.New("repository exists already")
	// ErrNotEncrypted refuses an unencrypted repository to a caller that gave a password.
	ErrNotEncrypted = errors.New("repository is not encrypted although a password was given")
	// ErrNoPoint says that nothing fits a selector.
	ErrNoPoint = errors.New("no such point")
	// ErrLocked says that another writer is at work on the machine.
	ErrLocked = errors.New("another backup of this machine is running")
	// ErrBroken says that a writer's session was ended by someone else: it must not commit.
	ErrBroken = errors.New("session was ended from outside")
	// ErrParent says that what a leaf inherits cannot be trusted: the disk has to be read in full.
	ErrParent = errors.New("parent point cannot be built upon")
	// ErrUnknownBytes is read where a disk was never captured.
	ErrUnknownBytes = errors.New("these bytes were never captured")
	// ErrLastSlot refuses to remove the only key slot.
	ErrLastSlot = errors.New("the last key slot stays")
)
