package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Later is the error for what the command line contract has and this release does not.
func Later(format string, args ...any) error {
	return &usageError{fmt.Errorf(format+" is not in this release", args...), "a later release will know it"}
}

// LaterCommand makes a command that says so, whatever its arguments.
func LaterCommand(name string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: "Not in this release", Hidden: true, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return Later("%s", cmd.CommandPath()) },
	}
}
