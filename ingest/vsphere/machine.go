package vsphere

import (
	"slices"
	"time"

	"vbfs/hyper/vsphere"
	"vbfs/index/format"
	"vbfs/ingest"
)

// Transports, in the order in which they are tried.
const (
	VDDK  = "vddk"  // VMware's library, by nbdkit: reads through snapshots, knows what is allocated
	HTTPS = "https" // ranges of files
	NFC   = "nfc"   // whole disks
)

// Transports are all of them.
var Transports = []string{VDDK, HTTPS, NFC}

// Options say how a machine is captured. The zero value is the default.
type Options struct {
	// Transport is one of Transports. Empty is the first that can read a disk.
	Transport string

	// Quiesce asks VMware Tools in the guest to hold its file systems still, of Windows its programs, too. Where they do not run, or that
	// does not work, which is a warning, the point is crash-consistent.
	Quiesce bool

	// Consistency is what has to be reached: ingest.Application or ingest.Filesystem. Empty is: as good as can be.
	Consistency string

	// EnableCBT switches changed block tracking on when it is off and there is no snapshot.
	EnableCBT bool

	// State is the directory that remembers what is to be undone should this run be killed. Empty is: nowhere.
	State string

	// Scratch is the directory for disks that come as streams. Empty is /var/tmp.
	Scratch string

	// Skip says why a disk, named by its place (scsi0-0), is left out; "" is that it is not. nil leaves none out.
	Skip func(disk string) string

	// VDDK says where nbdkit, its plugin and the library are.
	VDDK vsphere.VDDKOptions

	// Progress counts disks that come as streams, before they are read: the engine counts them again then. nil is nobody.
	Progress *ingest.Progress

	// QuiescePause is how long is waited before a guest that could not be quiesced is asked again. 0 is 5 s.
	QuiescePause time.Duration
}

// A Machine is one to be captured.
type Machine struct {
	conn *vsphere.Conn
	ref  vsphere.Ref
	o    Options
}

var _ ingest.Machine = (*Machine)(nil)

// New makes a machine of the one that has a reference.
func New(conn *vsphere.Conn, ref vsphere.Ref, o Options) *Machine {
	return &Machine{conn, ref, o}
}

// Base chooses the newest complete point that has a change mark; for Diff the newest full one. A copy has none.
func (m *Machine) Base(points []*format.Manifest, level string) *format.Manifest {
	for _, p := range slices.Backward(points) {
		if p.Done == ingest.Copy || level == ingest.Diff && p.Done != ingest.Full || p.Fact("vsphere-instance") == "" {
			continue
		}
		for i := range p.Disks {
			if _, err := vsphere.ParseMark(p.Disks[i].Tracking); err == nil {
				return p
			}
		}
	}
	return nil
}
