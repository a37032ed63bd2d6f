package main

import (
	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
)

const (
	defaultCache = 256 << 20 // bytes of decoded blocks
	heapBeside   = 80 << 20  // bytes of heap beside them: with what is not heap, it stays under 128 MiB
)

func main() {
	cli.Main("vbfs", "Present every point of a backup repository: mount it, serve it over NBD", commands)
}

func commands(app *cli.App) []*cobra.Command {
	all := []*cobra.Command{mountCommand(app), serveCommand(app)}
	for _, name := range []string{"recover", "ls", "cat", "cp", "find", "history", "diff"} {
		all = append(all, cli.LaterCommand(name))
	}
	return all
}

// cacheFlag adds --cache.
func cacheFlag(cmd *cobra.Command) *cli.SizeFlag {
	size := cli.SizeFlag(defaultCache)
	cmd.Flags().Var(&size, "cache", "keep so much of decoded blocks in memory")
	return &size
}
