package libvirt

import "errors"

// ErrRemote: disks can only be written on the host itself.
var ErrRemote = errors.New("not on this host")
