package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// Version of both programs.
const Version = "0.1.0"

// Tool is what points say of who made them.
func (a *App) Tool() string { return a.name + " " + Version }

// man writes the manual from the same source as --help.
func (a *App) man(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "man DIRECTORY", Short: "Write the manual pages", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("manual pages: %w", err)
			}
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Section: "1", Source: a.Tool(), Manual: "vbfs"}
			return doc.GenManTree(root, header, args[0])
		},
	}
}
