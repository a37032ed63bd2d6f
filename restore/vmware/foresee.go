package vmware

import (
	"crypto/sha256"
	"os"

	"vbfs/restore/machine"
)

// foresee tells what would be made, and looks whether its place is free.
func (n *newMachine) foresee() (r *machine.Result, err error) {
	if _, err := os.Stat(n.o.Dir); err != nil {
		return nil, err
	}
	if n.folder, err = findFolder(n.o.Dir, n.dir, n.o.Overwrite); err != nil {
		return nil, err
	}
	for _, j := range n.jobs {
		j.sum = sha256.New() // of nothing
	}
	if err := n.describe(); err != nil {
		return nil, err
	}
	return n.result(), nil
}
