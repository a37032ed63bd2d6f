package vsphere

import (
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
	// Path is, for Over, a pattern that one machine fits: a path, a name, or an instance UUID. Empty is the recorded instance UUID.
	Path string

	// Delta reads what an existing machine's disks hold, and writes what differs. It needs the library.
	Delta bool

	// Verify reads back what was written and compares. It needs the library.
	Verify bool

	// Transport is one of Transports. Empty is the first that there is.
	Transport string

	// VDDK says where nbdkit, its plugin and the library are.
	VDDK hyper.VDDKOptions

	// Workers is for each disk, as restore.Options have it.
	Workers int

	// Progress counts what is done. nil is: nobody wants to know.
	Progress *machine.Progress
}
