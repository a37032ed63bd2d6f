package acceptance

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var (
	rounds = flag.Int("rounds", 56, "points of each machine in the model test")
	seed   = flag.Uint64("seed", 1, "of the model test's dice")
)

// programs is the directory of the programs under test.
var programs string

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "4") // who waits for a guest needs no core
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
