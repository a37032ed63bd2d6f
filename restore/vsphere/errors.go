package vsphere

import "errors"

// ErrRefused: the machine, or one of its disks, is of a kind that is not restored over.
var ErrRefused = errors.New("not to be restored over")
