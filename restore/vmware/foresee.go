package vmware

import (
	"os"

	"vbfs/restore/machine"
)

// foresee tells what would be made, and looks whether its place is free. What the machine's configuration loses is known when it is
// written.
func (n *newMachine) foresee() (r *machine.Result, err error) {
	if _, err := os.Stat(n.o.Dir); err != nil {
		return nil, err
	}
	if n.folder, err = findFolder(n.o.Dir, n.dir, n.o.Overwrite); err != nil {
		return nil, err
	}
	return n.result(), nil
}
