package imagemap

import (
	"errors"
	"fmt"

	"vbfs/index/block"
	"vbfs/index/format"
)

// ErrRange marks a block or leaf number that the disk does not have.
var ErrRange = errors.New("outside of the disk")

// ErrTwice marks a leaf that was set a second time.
var ErrTwice = errors.New("leaf was set before")

// A MissingError says that a map is not complete: Range is the first run of blocks that were neither set nor inherited.
type MissingError struct{ Range block.Range }

// Error names the range in bytes.
func (e *MissingError) Error() string {
	return fmt.Sprintf("nothing is known of the %d bytes from %d on", e.Range.N<<block.Log2Size, e.Range.First<<block.Log2Size)
}

func malformed(text string, args ...any) error {
	return fmt.Errorf("%w: "+text, append([]any{format.ErrMalformed}, args...)...)
}
