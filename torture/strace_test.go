package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// An injection is what strace does to some system calls of a program: a fault, as strace writes it, on the n-th of each
// thread; on calls that touch given paths alone, if there are any.
type injection struct {
	calls, fault string
	n            int
	paths        []string
}

func (in injection) String() string { return fmt.Sprintf("%s:%s:when=%d", in.calls, in.fault, in.n) }

// wrap has a command run under strace, which logs to a file the calls that may fail, and deletions.
func (in injection) wrap(cmd *exec.Cmd, log string) {
	args := []string{"strace", "-f", "-y", "-o", log, "-e", "trace=unlinkat," + in.calls, "-e", "inject=" + in.String()}
	for _, p := range in.paths {
		args = append(args, "-P", p)
	}
	cmd.Path, cmd.Args = "/usr/bin/strace", append(args, append([]string{cmd.Path}, cmd.Args[1:]...)...)
}

// injected gives the lines of strace's log of calls that failed.
func injected(log string) (lines []string, err error) {
	b, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "INJECTED") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines, nil
}

// deletedSince gives the lines of strace's log in which files were deleted after the first call that was made to fail and
// counts.
func deletedSince(log string, counts func(call string) bool) (lines []string, err error) {
	b, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	failed := false
	for line := range strings.Lines(string(b)) {
		switch {
		case strings.Contains(line, "INJECTED"):
			failed = failed || counts(line)
		case failed && strings.Contains(line, "unlinkat("):
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines, nil
}

// folders gives the paths of folders of objects, of packs all that there can be.
func (f *farm) folders(pattern string) (out []string, err error) {
	if strings.HasSuffix(pattern, "/ab") {
		for i := range 256 {
			out = append(out, filepath.Join(f.dir, strings.TrimSuffix(pattern, "ab"), fmt.Sprintf("%02x", i)))
		}
		return out, nil
	}
	return filepath.Glob(filepath.Join(f.dir, pattern))
}
