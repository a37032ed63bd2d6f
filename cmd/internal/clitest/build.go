package clitest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programs is the folder that Main builds into.
var programs string

// Main builds the programs, runs the tests and gives the exit code.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "v")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+"/", "vbfs/cmd/vbackup", "vbfs/cmd/vbfs")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	programs = dir
	return m.Run()
}

// Program is the path of a program.
func Program(name string) string { return filepath.Join(programs, name) }
