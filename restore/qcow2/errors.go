package qcow2

import "errors"

// ErrTooLarge: the disk is more than the format can tell the place of.
var ErrTooLarge = errors.New("too large for a qcow2 image")

// ErrOrder: what is to be written does not follow what was written.
var ErrOrder = errors.New("not in order")

// ErrBad: what is read is no image, or one of another kind than is written here.
var ErrBad = errors.New("not a qcow2 image as it was written")
