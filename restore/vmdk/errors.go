package vmdk

import "errors"

// ErrName: a descriptor cannot name a file so.
var ErrName = errors.New("no name for a VMDK")

// ErrTooLarge: the disk, or what there is of data on it, is more than the format can tell the place of.
var ErrTooLarge = errors.New("too large for a VMDK of this kind")
