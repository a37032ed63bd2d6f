//go:build cgo && !nolibnbd

package libnbd

/*
#cgo pkg-config: libnbd
#include <stdlib.h>
#include <libnbd.h>
*/
import "C"

import (
	"runtime"
	"syscall"
	"unsafe"
)

// Libnbd is a handle: one connection to one export.
type Libnbd struct {
	h *C.struct_nbd_handle
}

// Create makes a handle that is not connected.
func Create() (*Libnbd, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	h := C.nbd_create()
	if h == nil {
		return nil, lastError("create")
	}
	return &Libnbd{h}, nil
}

// Close ends the connection without ceremony and frees the handle. Buffers of commands in flight are no longer used.
func (h *Libnbd) Close() error {
	if h.h == nil {
		return closedHandle("close")
	}
	C.nbd_close(h.h)
	h.h = nil
	return nil
}

// lastError is the error of this thread's last call.
func lastError(op string) error {
	e := &LibnbdError{Op: op, Errno: syscall.Errno(C.nbd_get_errno())}
	if msg := C.nbd_get_error(); msg != nil {
		e.Errmsg = C.GoString(msg)
	}
	return e
}

// call runs f, a call that returns -1 when it fails, and reads the error where the library left it: on this thread.
func (h *Libnbd) call(op string, f func() C.int64_t) (int64, error) {
	if h.h == nil {
		return -1, closedHandle(op)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := int64(f())
	if r == -1 {
		return r, lastError(op)
	}
	return r, nil
}

func (h *Libnbd) do(op string, f func() C.int) error {
	_, err := h.call(op, func() C.int64_t { return C.int64_t(f()) })
	return err
}

func (h *Libnbd) ask(op string, f func() C.int) (bool, error) {
	r, err := h.call(op, func() C.int64_t { return C.int64_t(f()) })
	return r == 1, err
}

func (h *Libnbd) doString(op, s string, f func(*C.char) C.int) error {
	c := C.CString(s)
	defer C.free(unsafe.Pointer(c))
	return h.do(op, func() C.int { return f(c) })
}

// SetExportName chooses the export; ConnectUri takes it from the URI.
func (h *Libnbd) SetExportName(name string) error {
	return h.doString("set_export_name", name, func(c *C.char) C.int { return C.nbd_set_export_name(h.h, c) })
}

// AddMetaContext asks for a metadata context when connecting.
func (h *Libnbd) AddMetaContext(name string) error {
	return h.doString("add_meta_context", name, func(c *C.char) C.int { return C.nbd_add_meta_context(h.h, c) })
}

// SetUriAllowLocalFile lets URIs name local files, such as tls-psk-file. The default is false.
func (h *Libnbd) SetUriAllowLocalFile(allow bool) error {
	return h.do("set_uri_allow_local_file", func() C.int { return C.nbd_set_uri_allow_local_file(h.h, C.bool(allow)) })
}

// ConnectUri connects to a server and export by NBD URI, and waits until it is ready.
func (h *Libnbd) ConnectUri(uri string) error {
	return h.doString("connect_uri", uri, func(c *C.char) C.int { return C.nbd_connect_uri(h.h, c) })
}

// ConnectUnix connects over a Unix socket, and waits until it is ready.
func (h *Libnbd) ConnectUnix(unixsocket string) error {
	return h.doString("connect_unix", unixsocket, func(c *C.char) C.int { return C.nbd_connect_unix(h.h, c) })
}

// ConnectSocket takes over a connected socket, and waits until it is ready.
func (h *Libnbd) ConnectSocket(sock int) error {
	return h.do("connect_socket", func() C.int { return C.nbd_connect_socket(h.h, C.int(sock)) })
}

// AioConnectUri begins to connect: Poll until AioIsReady.
func (h *Libnbd) AioConnectUri(uri string) error {
	return h.doString("aio_connect_uri", uri, func(c *C.char) C.int { return C.nbd_aio_connect_uri(h.h, c) })
}

// AioDisconnect tells the server that the connection ends, without waiting for it to say so too.
func (h *Libnbd) AioDisconnect(optargs *AioDisconnectOptargs) error {
	var flags C.uint32_t
	if optargs != nil && optargs.FlagsSet {
		flags = C.uint32_t(optargs.Flags)
	}
	return h.do("aio_disconnect", func() C.int { return C.nbd_aio_disconnect(h.h, flags) })
}

// Shutdown asks the server to end the connection, and waits until it did.
func (h *Libnbd) Shutdown(optargs *ShutdownOptargs) error {
	var flags C.uint32_t
	if optargs != nil && optargs.FlagsSet {
		flags = C.uint32_t(optargs.Flags)
	}
	return h.do("shutdown", func() C.int { return C.nbd_shutdown(h.h, flags) })
}
