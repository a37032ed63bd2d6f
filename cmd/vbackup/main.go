package main

import (
	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
)

// heapLimit keeps a capture's resident memory under 256 MiB: what is not heap takes some 40.
const heapLimit = 200 << 20

func main() {
	cli.LimitMemory(heapLimit)
	cli.Main("vbackup", "Back up virtual machines' disks into a deduplicated, encrypted repository", commands)
}

func commands(app *cli.App) []*cobra.Command {
	return []*cobra.Command{
		initCommand(app), backupCommand(app), pointsCommand(app), showCommand(app), diffCommand(app), restoreCommand(app),
		verifyCommand(app), checkCommand(app), rebuildCommand(app), statsCommand(app), dumpCommand(app), keyCommand(app),
		pruneCommand(app), unlockCommand(app), forgetCommand(app), protectCommand(app), doctorCommand(app),
		copyCommand(app), repairCommand(app), libvirtCommand(app),
		importCommand(app), vsphereCommand(app),
	}
}
