package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// describeMachine tells what matters for the figures, and nothing by which the machine could be found.
func describeMachine() string {
	var u unix.Utsname
	var info unix.Sysinfo_t
	unix.Uname(&u)
	unix.Sysinfo(&info)
	kernel, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	return fmt.Sprintf("Machine: %d cores (%s), %d GiB of memory, Linux %s, %s, %s. Other work was not kept away from it.\n",
		runtime.NumCPU(), processor(), (uint64(info.Totalram)*uint64(info.Unit)+1<<29)>>30, kernel, distribution(), runtime.Version())
}

// processor gives vendor, family and model: names of rented processors tell little.
func processor() string {
	names := map[string]string{}
	lines(readFile("/proc/cpuinfo"), func(l string) {
		if k, v, ok := strings.Cut(l, ":"); ok {
			names[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	})
	return fmt.Sprintf("%s, family %s, model %s", names["model name"], names["cpu family"], names["model"])
}

func distribution() (name string) {
	lines(readFile("/etc/os-release"), func(l string) {
		if v, ok := strings.CutPrefix(l, "PRETTY_NAME="); ok {
			name = strings.Trim(v, `"`)
		}
	})
	return name
}

// versions gives the first line of what each peer says of itself.
func versions() (all []string) {
	for _, args := range [][]string{
		{"restic", "version"}, {"borg", "--version"}, {"qemu-img", "--version"}, {"nbdkit", "--version"}, {"nbdcopy", "--version"}, {"fio", "--version"},
	} {
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil {
			out = []byte(args[0] + " of unknown version")
		}
		first, _, _ := strings.Cut(string(out), "\n")
		all = append(all, first)
	}
	return all
}

// readFile gives nothing of what cannot be read: a description may have gaps.
func readFile(path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return b
}

func lines(b []byte, each func(string)) {
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		each(s.Text())
	}
}
