package torture

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	seed   = flag.Uint64("seed", 1, "of the dice")
	cuts   = flag.Int("cuts", 30, "power cuts to recover from")
	kills  = flag.Int("kills", 50, "processes to kill")
	soak   = flag.Duration("soak", 10*time.Second, "how long the soak test lasts")
	flips  = flag.Int("flips", 60, "objects to damage")
	jumps  = flag.Int("jumps", 40, "commands to run by clocks that are wrong")
	stops  = flag.Int("stops", 10, "writers to stop")
	faults = flag.Int("faults", 50, "commands to have a system call fail in")
	keep   = flag.String("keep", "", "folder that a failed test leaves its repository in")
)

// programs is the directory of the programs under test.
var programs string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

// build builds the programs, and runs the tests with them.
func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "v")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs = dir
	out, err := exec.Command("go", "build", "-o", dir+"/", "vbfs/cmd/vbackup", "vbfs/cmd/vbfs").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// program is the path of a program under test.
func program(name string) string { return filepath.Join(programs, name) }
