package vmware

import (
	"fmt"
	"slices"

	"vbfs/restore"
	"vbfs/restore/machine"
)

// Formats of disks, as ghettoVCB and vmkfstools call them; StreamOptimized makes an OVF.
const (
	Flat            = "flat"
	Thin            = "thin"
	TwoGBSparse     = "2gbsparse"
	StreamOptimized = "streamOptimized"
)

// Formats are all of them.
func Formats() []string { return []string{Flat, Thin, TwoGBSparse, StreamOptimized} }

// Options say how to restore.
type Options struct {
	// Dir is the directory, which exists, that the machine's folder is made in.
	Dir string

	// Name of the machine. Empty is the recorded one.
	Name string

	// Format of the disks. Empty is Thin.
	Format string

	// IDs of the machine. An OVF has none: what imports it gives new ones.
	IDs machine.IDs

	// Overwrite allows to replace the machine's folder.
	Overwrite bool

	// Foresee makes nothing: the result is what would come of it, as far as that is known before anything is written, and errors are
	// those that would come by then.
	Foresee bool

	// Verify reads back what was written and compares, before the folder appears.
	Verify bool

	// Workers is for each disk, as restore.Options have it.
	Workers int

	// Progress counts what is done. nil is: nobody wants to know.
	Progress *machine.Progress
}

func (o Options) withDefaults() (Options, error) {
	if o.Format == "" {
		o.Format = Thin
	}
	if !slices.Contains(Formats(), o.Format) {
		return o, fmt.Errorf("%w: format %s of VMware's disks", restore.ErrUnsupported, o.Format)
	}
	return o, nil
}
