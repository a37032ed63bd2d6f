package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A usage is processor time since the machine and this program began.
type usage struct {
	busy, idle time.Duration // of all processors
	ours       time.Duration // of this program and of those it has started that have ended
}

// tick is the unit of /proc/stat: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = time.Second / 100

// usageNow reads /proc/stat, proc(5): user, nice, system, idle, iowait, irq, softirq, steal.
func usageNow() (u usage, err error) {
	head, _, _ := bytes.Cut(readFile("/proc/stat"), []byte("\n"))
	fields := bytes.Fields(head)
	if len(fields) < 9 {
		return u, fmt.Errorf("/proc/stat begins with %q", head)
	}
	for i, f := range fields[1:9] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return u, fmt.Errorf("/proc/stat: %w", err)
		}
		if i == 3 || i == 4 {
			u.idle += time.Duration(n) * tick
		} else {
			u.busy += time.Duration(n) * tick
		}
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if err := unix.Getrusage(who, &r); err != nil {
			return u, err
		}
		u.ours += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u, nil
}

// others gives the share of all processors that neither idled nor were ours since before.
func (u usage) others(before usage) float64 {
	busy := u.busy - before.busy
	return max(0, float64(busy-(u.ours-before.ours))/float64(busy+u.idle-before.idle))
}
