package qemu

import (
	"errors"

	"vbfs/hyper/process"
)

// errEndedWell is the failure of a process that exited with 0, which a server that is not told to never does.
var errEndedWell = errors.New("ended by itself")

// stderrSize is how much is kept of what a tool says, bytes.
const stderrSize = 4 << 10

// failure is how a process that is gone ended, with what it said last.
func failure(p *process.Process) error {
	err := p.Err()
	if err == nil {
		err = errEndedWell
	}
	return toolError(err, p.Stderr())
}
