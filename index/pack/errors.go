package pack

import (
	"errors"
	"fmt"

	"vbfs/index/format"
)

// ErrCorrupt marks a pack whose bytes are not what was written. It is format.ErrMalformed, too.
var ErrCorrupt = fmt.Errorf("pack is damaged: %w", format.ErrMalformed)

// ErrMissing says that a pack is not in the repository.
var ErrMissing = errors.New("pack is missing")
