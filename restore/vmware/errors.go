package vmware

import "errors"

// ErrForeign: a folder to be replaced holds files that are none of a machine's.
var ErrForeign = errors.New("folder with other files than a machine's")
