package cli

import (
	"os"
	"runtime/debug"
)

// LimitMemory has the garbage collector keep the heap under so many bytes, if it can, unless the user said how much.
func LimitMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}
