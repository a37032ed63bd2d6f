package libnbd

import "syscall"

// A LibnbdError is what libnbd said of a call that failed.
type LibnbdError struct {
	Op     string        // the call, without its prefix nbd_
	Errmsg string        // libnbd's own sentence, which names the call already; empty if it had none
	Errno  syscall.Errno // 0 if the failure has no errno
}

func (e *LibnbdError) String() string {
	if e.Errmsg != "" {
		return e.Errmsg
	}
	return "nbd_" + e.Op + ": " + e.Errno.Error()
}

// Error implements error.
func (e *LibnbdError) Error() string { return e.String() }

// closedHandle is the error of every call on a closed handle.
func closedHandle(op string) *LibnbdError {
	return &LibnbdError{Op: op, Errmsg: "nbd_" + op + ": handle is closed", Errno: syscall.EBADF}
}
