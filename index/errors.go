package index

import (
	"errors"

	"vbfs/index/format"
	"vbfs/index/object"
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
	// ErrIdentity says that no key slot opens with the identities.
	ErrIdentity = seal.ErrIdentity

	// ErrNoRepository says that there is no repository at the place.
	ErrNoRepository = errors.New("no repository")
	// ErrExists says that there is a repository already.
	ErrExists = errors.New("repository exists already")
	// ErrNotEncrypted refuses an unencrypted repository to a caller that gave a password.
	ErrNotEncrypted = errors.New("repository is not encrypted although a password was given")
	// ErrNoPoint says that nothing fits a selector.
	ErrNoPoint = errors.New("no such point")
	// ErrProtected refuses to forget a point that is kept on purpose.
	ErrProtected = errors.New("point is protected")
	// ErrLocked says that another writer is at work on the machine.
	ErrLocked = errors.New("another backup of this machine is running")
	// ErrOtherMachine says that a machine's name is another machine's in the repository that it is copied to.
	ErrOtherMachine = errors.New("another machine has this name")
	// ErrBroken says that a writer's session was ended by someone else: it must not commit.
	ErrBroken = errors.New("session was ended from outside")
	// ErrParent says that what a leaf inherits cannot be trusted: the disk has to be read in full.
	ErrParent = errors.New("parent point cannot be built upon")
	// ErrCollecting says that another process collects or repairs.
	ErrCollecting = errors.New("another prune or repair is at work")
	// ErrCollected says that what a new point would share was collected meanwhile, or lost by who was storing it: capture it
	// again.
	ErrCollected = errors.New("blocks that the point shares are gone")
	// ErrAppendOnly says that the storage lets nobody delete an object, or not from here.
	ErrAppendOnly = object.ErrAppendOnly
	// ErrUnknownBytes is read where a disk was never captured.
	ErrUnknownBytes = errors.New("these bytes were never captured")
	// ErrLastSlot refuses to remove the only key slot.
	ErrLastSlot = errors.New("the last key slot stays")
	// ErrKeysChanged says that someone else changed the keys meanwhile: nothing was changed now.
	ErrKeysChanged = errors.New("the keys were changed by someone else meanwhile")
)
