package libvirt

import "vbfs/restore/machine"

// Options say how to restore. The zero value makes a new machine under its recorded name.
type Options struct {
	// Name of the domain. Empty is the recorded one.
	Name string

	// Storage is where a new machine's images lie: a directory, which has a slash in its name, or a storage pool.
	Storage string

	// Format of a new machine's images, raw or qcow2. Empty is that of each disk's source, as far as it is one of them.
	Format string

	// IDs of a new machine.
	IDs machine.IDs

	// PowerOn starts a new machine in the end.
	PowerOn bool

	// Foresee makes nothing: the result is what would come of it, as far as that is known before anything is written, and errors are
	// those that would come by then.
	Foresee bool

	// Delta writes into the images of an existing machine what differs, in place of making new ones.
	Delta bool

	// Verify reads back what was written and compares, before any of it takes effect where that can be.
	Verify bool

	// Workers is for each disk, as restore.Options have it.
	Workers int

	// Progress counts what is done. nil is: nobody wants to know.
	Progress *machine.Progress
}
