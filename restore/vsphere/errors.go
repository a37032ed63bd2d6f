package vsphere

import "errors"

// ErrRefused: the machine, or one of its disks, is of a kind that is not restored over.
var ErrRefused = errors.New("not to be restored over")

// ErrNoPlace: what a new machine is to be in, or plugged into, is not there, or not the only one.
var ErrNoPlace = errors.New("no place for the machine")
