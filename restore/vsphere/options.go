package vsphere

import (
	"time"

	hyper "vbfs/hyper/vsphere"
	"vbfs/restore/machine"
)

// Transports, in the order in which they are tried.
const (
	VDDK = "vddk" // VMware's library, by nbdkit
	NFC  = "nfc"  // whole disks, as streams
)

// Transports are all of them.
var Transports = []string{VDDK, NFC}

// Options say how to restore. The zero value is the default.
type Options struct {
	// Path is, for Over, a pattern that one machine fits: a path, a name, or an instance UUID. Empty is the recorded instance UUID. For
	// New it is the folder, /DC/vm/folder, or the machine's own path. Empty is the recorded folder.
	Path string

	// Name of a new machine. Empty is the last of Path, if that is no folder, else the recorded one.
	Name string

	// Storage is the datastore of a new machine, and Stores those of single disks, by their names in the point. Empty is the recorded
	// one, else the only one.
	Storage string
	Stores  map[string]string

	// Cluster, which may be a host that stands alone, Host and Pool run a new machine: names, or inventory paths. Empty is as recorded,
	// else the only one.
	Cluster, Host, Pool string

	// Networks are what a new machine's cards are plugged into, by the names of the recorded networks, or the cards' labels.
	Networks map[string]string

	// Format of a new machine's disks, one of spec.Formats. Empty is as recorded.
	Format string

	// IDs of a new machine.
	IDs machine.IDs

	// PowerOn starts a new machine in the end.
	PowerOn bool

	// Foresee makes nothing: the result is what would come of it, as far as that is known before anything is written, and errors are
	// those that would come by then.
	Foresee bool

	// Delta reads what an existing machine's disks hold, and writes what differs. It needs the library.
	Delta bool

	// Verify reads back what was written and compares. It needs the library.
	Verify bool

	// Transport is one of Transports. Empty is the first that there is.
	Transport string

	// VDDK says where nbdkit, its plugin and the library are.
	VDDK hyper.VDDKOptions

	// RetryPause is how long is waited before a stream that was cut is begun again. 0 is 2 s, and longer each time.
	RetryPause time.Duration

	// Workers is for each disk, as restore.Options have it.
	Workers int

	// Progress counts what is done. nil is: nobody wants to know.
	Progress *machine.Progress
}
