package main

import (
	"os"
	"testing"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/cmd/internal/clitest"
)

func TestMain(m *testing.M) { os.Exit(clitest.Main(m)) }

// Every command that is built shows how it is used; the others say that they are not.
func TestCommands(t *testing.T) {
	t.Parallel()
	l := clitest.New(t)
	for _, c := range commands(new(cli.App)) {
		if !c.Hidden {
			check(t, c)
		} else if r := l.Run("vbfs", c.Name(), "x", "--y"); r.Code != 2 {
			t.Errorf("%s: exit code %d", c.Name(), r.Code)
		}
	}
}

func check(t *testing.T, c *cobra.Command) {
	t.Helper()
	if c.Example == "" || c.Short == "" {
		t.Errorf("%s has no example or no description", c.Name())
	}
}

// twoPoints makes two points of a disk, and gives what each holds.
func twoPoints(t *testing.T, l *clitest.Lab) (first, second []byte) {
	t.Helper()
	disk := l.Disk("web01.raw", 4)
	first = l.Bytes(disk)
	l.OK("vbackup", "backup", disk)
	l.Write(disk, 70_000, 100_000, 3)
	l.OK("vbackup", "backup", disk)
	return first, l.Bytes(disk)
}

// secret makes a lab with an encrypted repository.
func secret(t *testing.T) *clitest.Lab {
	t.Helper()
	l := clitest.New(t)
	l.Env = append(l.Env, "VBACKUP_PASSWORD=secret")
	l.OK("vbackup", "init", "-q")
	return l
}
