package object

import "errors"

var (
	// ErrExists says that the name is taken.
	ErrExists = errors.New("object exists already")
	// ErrNotExist says that there is no object of that name.
	ErrNotExist = errors.New("object does not exist")
	// ErrUnsynced says that an object is there, but that a power cut may take it away again.
	ErrUnsynced = errors.New("stored, but not known to survive a power cut")
	// ErrAppendOnly says that the storage lets nobody delete an object, or not from here.
	ErrAppendOnly = errors.New("the repository is append-only here")
	// ErrName says that a string is not a name of an object or folder.
	ErrName = errors.New("not a valid object name")
	// ErrTooLarge says that an object is larger than its reader wants to hold.
	ErrTooLarge = errors.New("object is too large")
	// ErrEnded says that an Upload was used after its Commit or Abort.
	ErrEnded = errors.New("upload has ended")
)
