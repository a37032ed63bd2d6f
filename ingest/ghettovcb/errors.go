package ghettovcb

import "errors"

// Errors of trees and folders, for errors.Is.
var (
	// ErrDamaged: a file is not what VMware or ghettoVCB wrote, or was not written to its end.
	ErrDamaged = errors.New("damaged")

	// ErrMissing: a file that belongs to a disk is not in the folder.
	ErrMissing = errors.New("missing")

	// ErrRefused: a descriptor or an archive names what is not its own: something outside the folder, a link, a device.
	ErrRefused = errors.New("refused")

	// ErrKind: a disk of a kind that cannot be read: one that stands for a device, an encrypted one.
	ErrKind = errors.New("kind of disk that cannot be read")

	// ErrSpace: there is no room to unpack an archive.
	ErrSpace = errors.New("not enough space")

	// ErrIncomplete: what an archive holds was not written to its end, says ghettoVCB.
	ErrIncomplete = errors.New("incomplete")

	// ErrNoBackup: a directory holds no backup of ghettoVCB.
	ErrNoBackup = errors.New("no backup of ghettoVCB")

	// ErrNoInstant: a folder's name does not tell of when it is.
	ErrNoInstant = errors.New("folder whose name has no date and time")
)
