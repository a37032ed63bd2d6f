package main

import (
	"os"
	"testing"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/cmd/internal/clitest"
)

func TestMain(m *testing.M) { os.Exit(clitest.Main(m)) }

// Every command that is built shows how it is used.
func TestExamples(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if !c.Hidden && (c.Example == "" || c.Short == "") {
			t.Errorf("%s has no example or no description", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	for _, c := range commands(new(cli.App)) {
		walk(c)
	}
}
