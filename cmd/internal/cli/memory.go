package cli

import (
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// keepMemory keeps the keys in this process's memory from core dumps and from other processes of the same user, unless
// someone has to debug it: prctl(2), core(5). What cannot be set here nobody can do anything about.
func keepMemory() {
	if os.Getenv("VBACKUP_ALLOW_CORE_DUMPS") != "" {
		return
	}
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	limit := unix.Rlimit{}
	if unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}
}

// LimitMemory has the garbage collector keep the heap under so many bytes, if it can, unless the user said how much.
func LimitMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}
