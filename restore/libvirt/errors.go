package libvirt

import "errors"

// ErrRemote: the images of a machine that is there can only be written on its host itself.
var ErrRemote = errors.New("not on this host")
