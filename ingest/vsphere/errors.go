package vsphere

import "errors"

// Errors of a capture, for errors.Is.
var (
	// ErrUnfit: the machine cannot be captured as it is.
	ErrUnfit = errors.New("the machine cannot be captured")
	// ErrConsistency: the guest cannot be held as still as is asked for.
	ErrConsistency = errors.New("consistency not reached")
	// ErrTransport: a transport cannot read a disk, or would give wrong bytes.
	ErrTransport = errors.New("the disk cannot be read so")
	// ErrBusy: another capture of the machine is at work on this host.
	ErrBusy = errors.New("the machine is being captured already")
	// ErrScratch: there is no room for a disk that comes as a stream.
	ErrScratch = errors.New("no room for a disk on its way")
	// ErrStream: a stream of a disk is not whole, or not what it says.
	ErrStream = errors.New("stream of the disk is damaged")
	// ErrNotHeld: the snapshot is gone, or the machine was reverted, while it was read.
	ErrNotHeld = errors.New("the snapshot was removed by somebody else")
)
