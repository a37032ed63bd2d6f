package vsphere

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/types"
)

// Errors, for errors.Is.
var (
	ErrLogin       = errors.New("wrong user name or password")
	ErrUnreachable = errors.New("server cannot be reached")
	ErrCertificate = errors.New("certificate is not trusted")
	ErrThumbprint  = errors.New("certificate is not the one that is expected")
	ErrPrivilege   = errors.New("privilege is missing")
	ErrNoMachine   = errors.New("no such machine")
	ErrAmbiguous   = errors.New("several machines are meant")
	ErrNoTag       = errors.New("no such tag")
	// ErrAmbiguousTag: the name of a tag is in several categories.
	ErrAmbiguousTag = errors.New("several tags are meant")
	ErrGone         = errors.New("it is not there any more")
	ErrBusy         = errors.New("another task is at work on the machine")
	ErrQuiesce      = errors.New("the guest cannot be quiesced")
	ErrLicense      = errors.New("the host's licence does not allow it")
	ErrTimeout      = errors.New("it takes too long")
	ErrSpace        = errors.New("the datastore is full")

	// ErrNoAttribute: the server has no custom attribute of that name, and no category of tags.
	ErrNoAttribute = errors.New("no custom attribute or category of tags")
	// ErrTags: vCenter's tags cannot be read.
	ErrTags = errors.New("tags cannot be read")

	// ErrMark: changes cannot be counted from that change mark.
	ErrMark = errors.New("change mark is not valid")
	// ErrAreas: what the server says of changes does not add up.
	ErrAreas = errors.New("changed areas do not add up")
	// ErrSnapshots: the machine has snapshots, with which that would be wrong.
	ErrSnapshots = errors.New("the machine has snapshots")
	// ErrUntracked: changed block tracking cannot be had.
	ErrUntracked = errors.New("changed block tracking cannot be used")

	// ErrFile: a datastore does not give a file, or gives another range of it than was asked for.
	ErrFile = errors.New("datastore does not give the file")
	// ErrLease: an export or an import of disks did not come about, or is not what was asked for.
	ErrLease = errors.New("transfer of disks failed")

	// ErrNoNBDKit and ErrNoVDDK: what reads disks with VMware's library is not installed.
	ErrNoNBDKit = errors.New("nbdkit with its vddk plugin is not installed")
	ErrNoVDDK   = errors.New("VMware's library VDDK is not installed")
)

// A Fault is what the server says went wrong. Its text is the server's own.
type Fault struct {
	Kind string // as FileFault
	text string
	is   error // of the errors above; nil is none
}

func (f *Fault) Error() string {
	if f.is == nil {
		return f.text
	}
	return fmt.Sprintf("%v: %s", f.is, f.text)
}
func (f *Fault) Unwrap() error { return f.is }

// kinds are faults that are told apart.
var kinds = map[string]error{
	"InvalidLogin":            ErrLogin,
	"NotAuthenticated":        ErrLogin,
	"NoPermission":            ErrPrivilege,
	"ManagedObjectNotFound":   ErrGone,
	"TaskInProgress":          ErrBusy,
	"ConcurrentAccess":        ErrBusy,
	"ApplicationQuiesceFault": ErrQuiesce,
	"FilesystemQuiesceFault":  ErrQuiesce,
	"RestrictedVersion":       ErrLicense,
	"LicenseRestricted":       ErrLicense,
	"NoDiskSpace":             ErrSpace,
}

// translate makes a Fault of what the server said. Other errors stay what they are.
func translate(err error) error {
	var f types.BaseMethodFault
	text, ok := fault.As(err, &f)
	if !ok {
		return err
	}
	kind := class(f)
	said := strings.TrimPrefix(err.Error(), "ServerFaultCode: ")
	if text != "" {
		said = text
	}
	if said == "" || said == kind {
		said = "the server says " + kind
	}
	switch f := f.(type) {
	case *types.NoPermission:
		said = lacking(f)
	case *types.NoDiskSpace:
		said += " (" + f.Datastore + ")"
	case *types.FileFault:
		if f.File != "" && !strings.Contains(said, f.File) {
			said += " of file " + f.File
		}
	}
	is := kinds[kind]
	if is == nil && strings.Contains(said, "prohibits execution of the requested operation") {
		is = ErrLicense
	}
	return &Fault{kind, said, is}
}

// lacking names what an account lacks.
func lacking(n *types.NoPermission) string {
	on := ""
	if n.Object != nil {
		on = " on " + n.Object.Value
	}
	if n.PrivilegeId == "" {
		return "one that the server does not name" + on
	}
	return n.PrivilegeId + on
}

// class is the name of a type of the protocol.
func class(v any) string {
	t := reflect.TypeOf(v)
	if t == nil {
		return "nothing"
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// faulted tells whether the server said a fault of that kind.
func faulted(err error, kind string) bool {
	var f *Fault
	return errors.As(err, &f) && f.Kind == kind
}
