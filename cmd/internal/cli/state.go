package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
)

// StateDir is the directory in which a run writes down what it does to others' machines, so that the next one can undo what
// this one could not: $VBACKUP_STATE_DIR, else /var/lib/vbfs for root, else vbfs below $XDG_STATE_HOME. It is made.
func StateDir() (string, error) {
	dir := os.Getenv("VBACKUP_STATE_DIR")
	switch {
	case dir != "":
	case os.Geteuid() == 0:
		dir = "/var/lib/vbfs"
	default:
		home, err := os.UserHomeDir()
		if err != nil && os.Getenv("XDG_STATE_HOME") == "" {
			return "", fmt.Errorf("nowhere to keep state: set VBACKUP_STATE_DIR: %w", err)
		}
		dir = filepath.Join(cmp.Or(os.Getenv("XDG_STATE_HOME"), filepath.Join(home, ".local", "state")), "vbfs")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("directory for state, VBACKUP_STATE_DIR names another: %w", err)
	}
	return dir, nil
}
