package vsphere

import "errors"

// ErrRefused: the machine, or one of its disks, is of a kind that is not restored over.
var ErrRefused = errors.New("not to be restored over")

// ErrUnfinished: the machine is being made by another restore, or was by one that was killed, and is not to be removed without asking.
var ErrUnfinished = errors.New("machine that a restore has not finished")

// ErrNoPlace: what a new machine is to be in, or plugged into, is not there, or not the only one.
var ErrNoPlace = errors.New("no place for the machine")
