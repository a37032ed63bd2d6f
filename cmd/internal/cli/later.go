package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

// later marks flags, by an annotation.
const later = "later"

// LaterFlags adds flags that only say so. Those of values take one.
func LaterFlags(cmd *cobra.Command, switches, values []string) {
	f := cmd.Flags()
	for _, name := range switches {
		f.Bool(name, false, "")
	}
	for _, name := range values {
		f.String(name, "", "")
	}
	for _, name := range append(switches, values...) {
		f.SetAnnotation(name, later, nil)
		f.MarkHidden(name)
	}
}

// refuseLaterFlags has all commands refuse such flags before they look at their arguments.
func refuseLaterFlags(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		refuseLaterFlags(c)
	}
	check := cmd.Args
	if check == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) (err error) {
		cmd.Flags().Visit(func(f *pflag.Flag) {
			if _, ok := f.Annotations[later]; ok {
				err = Later("%s --%s", cmd.CommandPath(), f.Name)
			}
		})
		if err != nil {
			return err
		}
		return check(cmd, args)
	}
}
