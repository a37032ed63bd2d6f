package libvirt

import (
	"errors"
	"fmt"

	rpc "github.com/digitalocean/go-libvirt"
)

// Errors of this package, for errors.Is.
var (
	// ErrNoSocket: no daemon listens where one was looked for.
	ErrNoSocket = errors.New("libvirt does not run there")

	// ErrDenied: the daemon, or the rights on its socket, keep us out.
	ErrDenied = errors.New("access denied")

	// ErrCertificate: one side does not accept the other's TLS certificate, or there is none.
	ErrCertificate = errors.New("certificate not accepted")

	// ErrHostKey: the SSH server's key is not the one that is known, or none is known.
	ErrHostKey = errors.New("host key not accepted")

	// ErrLost: the connection ended; whether the call took effect is not known.
	ErrLost = errors.New("connection to libvirt lost")

	// ErrClosed: Close was called.
	ErrClosed = errors.New("connection to libvirt is closed")

	// ErrProtocol: what came is no libvirt packet.
	ErrProtocol = errors.New("libvirt protocol violation")

	// ErrTooLong: a file of the daemon's host has more bytes than are wanted.
	ErrTooLong = errors.New("too long")

	// ErrNoDomain: there is no such domain.
	ErrNoDomain = errors.New("no such domain")

	// ErrNoCheckpoint: the domain has no such checkpoint.
	ErrNoCheckpoint = errors.New("no such checkpoint")

	// ErrNoPool: there is no such storage pool.
	ErrNoPool = errors.New("no such storage pool")

	// ErrNoVolume: the storage pool has no such volume.
	ErrNoVolume = errors.New("no such volume")

	// ErrVolumeExists: the storage pool has a volume of that name.
	ErrVolumeExists = errors.New("volume exists")

	// ErrNoNetwork: there is no such network.
	ErrNoNetwork = errors.New("no such network")

	// ErrInvalid: the domain's state does not allow it: not running, a job in the way.
	ErrInvalid = errors.New("not possible now")

	// ErrUnsupported: libvirt or QEMU cannot do it, with this domain or at all.
	ErrUnsupported = errors.New("not supported")

	// ErrNoAgent: no guest agent answers.
	ErrNoAgent = errors.New("guest agent does not answer")

	// ErrBitmap: a bitmap of a checkpoint is not there, or was not closed well.
	ErrBitmap = errors.New("bitmap cannot be used")

	// ErrTimeout: libvirt gave up waiting, mostly for another job of the domain.
	ErrTimeout = errors.New("libvirt timed out")
)

// errNoBackup: no backup job runs. errNoMetadata: an application keeps nothing with the domain.
var (
	errNoBackup   = errors.New("no backup job")
	errNoMetadata = errors.New("no metadata")
)

// marks says which error of ours an error number of libvirt's is: libvirt, include/libvirt/virterror.h.
var marks = map[rpc.ErrorNumber]error{
	rpc.ErrNoDomain:               ErrNoDomain,
	rpc.ErrNoDomainCheckpoint:     ErrNoCheckpoint,
	rpc.ErrNoStoragePool:          ErrNoPool,
	rpc.ErrNoStorageVol:           ErrNoVolume,
	rpc.ErrStorageVolExist:        ErrVolumeExists,
	rpc.ErrNoNetwork:              ErrNoNetwork,
	rpc.ErrOperationInvalid:       ErrInvalid,
	rpc.ErrOperationUnsupported:   ErrUnsupported,
	rpc.ErrConfigUnsupported:      ErrUnsupported,
	rpc.ErrArgumentUnsupported:    ErrUnsupported,
	rpc.ErrNoSupport:              ErrUnsupported,
	rpc.ErrAgentUnresponsive:      ErrNoAgent,
	rpc.ErrAgentUnsynced:          ErrNoAgent,
	rpc.ErrAgentCommandTimeout:    ErrNoAgent,
	rpc.ErrOperationTimeout:       ErrTimeout,
	rpc.ErrNoDomainBackup:         errNoBackup,
	rpc.ErrNoDomainMetadata:       errNoMetadata,
	rpc.ErrCheckpointInconsistent: ErrBitmap,
	rpc.ErrAuthFailed:             ErrDenied,
	rpc.ErrAuthCancelled:          ErrDenied,
	rpc.ErrAuthUnavailable:        ErrDenied,
	rpc.ErrAccessDenied:           ErrDenied,
	rpc.ErrOperationDenied:        ErrDenied,
}

// A saidError is what libvirt said, with the mark of ours that it is an instance of. Its text is libvirt's own.
type saidError struct {
	said rpc.Error
	mark error
}

func (e *saidError) Error() string        { return e.said.Message }
func (e *saidError) Unwrap() error        { return e.said }
func (e *saidError) Is(target error) bool { return target == e.mark }

// translate makes an error of a call one of ours. What libvirt did not say is the connection's end.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var said rpc.Error
	switch {
	case errors.Is(err, rpc.ErrUnsupported):
		return fmt.Errorf("%w by the libvirt that answers", ErrUnsupported)
	case !errors.As(err, &said):
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return &saidError{said, marks[rpc.ErrorNumber(said.Code)]}
}
