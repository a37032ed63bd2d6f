package pack

import "vbfs/index/format"

var (
	// ErrCorrupt marks a pack whose bytes are not what was written. It is format.ErrMalformed, too.
	ErrCorrupt error = &damage{"pack is damaged"}
	// ErrMissing says that a pack is not in the repository. Where something names it, that is damage as well.
	ErrMissing error = &damage{"pack is missing"}
)

// damage is a sentinel that is format.ErrMalformed, too, and does not say so.
type damage struct{ text string }

func (d *damage) Error() string        { return d.text }
func (d *damage) Is(target error) bool { return target == format.ErrMalformed }
