//go:build cgo && !nolibnbd

package libnbd

/*
#include <libnbd.h>

extern int vbfsNbdCompletion(uintptr_t, int *);
extern int vbfsNbdExtent(uintptr_t, char *, uint64_t, uint32_t *, size_t, int *);
extern void vbfsNbdFree(uintptr_t);

static int completion(void *user, int *error) { return vbfsNbdCompletion((uintptr_t)user, error); }
static int extent(void *user, const char *context, uint64_t offset, uint32_t *entries, size_t n, int *error) {
	return vbfsNbdExtent((uintptr_t)user, (char *)context, offset, entries, n, error);
}
static void release(void *user) { vbfsNbdFree((uintptr_t)user); }

// A handle of 0 is no callback.
static nbd_completion_callback on_completion(uintptr_t handle) {
	nbd_completion_callback cb = { 0 };
	if (handle != 0) {
		cb.callback = completion;
		cb.user_data = (void *)handle;
		cb.free = release;
	}
	return cb;
}
static nbd_extent_callback on_extent(uintptr_t handle) {
	nbd_extent_callback cb = { extent, (void *)handle, release };
	return cb;
}

static int block_status(struct nbd_handle *h, uint64_t count, uint64_t offset, uintptr_t ext, uint32_t flags) {
	return nbd_block_status(h, count, offset, on_extent(ext), flags);
}
static int64_t aio_block_status(struct nbd_handle *h, uint64_t count, uint64_t offset, uintptr_t ext, uintptr_t done, uint32_t flags) {
	return nbd_aio_block_status(h, count, offset, on_extent(ext), on_completion(done), flags);
}
static int64_t aio_pread(struct nbd_handle *h, void *buf, size_t count, uint64_t offset, uintptr_t done, uint32_t flags) {
	return nbd_aio_pread(h, buf, count, offset, on_completion(done), flags);
}
static int64_t aio_pwrite(struct nbd_handle *h, const void *buf, size_t count, uint64_t offset, uintptr_t done, uint32_t flags) {
	return nbd_aio_pwrite(h, buf, count, offset, on_completion(done), flags);
}
static int64_t aio_zero(struct nbd_handle *h, uint64_t count, uint64_t offset, uintptr_t done, uint32_t flags) {
	return nbd_aio_zero(h, count, offset, on_completion(done), flags);
}
static int64_t aio_trim(struct nbd_handle *h, uint64_t count, uint64_t offset, uintptr_t done, uint32_t flags) {
	return nbd_aio_trim(h, count, offset, on_completion(done), flags);
}
static int64_t aio_flush(struct nbd_handle *h, uintptr_t done, uint32_t flags) {
	return nbd_aio_flush(h, on_completion(done), flags);
}
*/
import "C"

import "runtime/cgo"

// options turns the optional arguments of a command, which are alike for all, into C's.
func options(doneSet bool, done CompletionCallback, flagsSet bool, flags CmdFlag) (handle C.uintptr_t, cflags C.uint32_t) {
	if doneSet {
		handle = C.uintptr_t(cgo.NewHandle(done))
	}
	if flagsSet {
		cflags = C.uint32_t(flags)
	}
	return handle, cflags
}

func (h *Libnbd) issue(op string, f func() C.int64_t) (uint64, error) {
	cookie, err := h.call(op, f)
	return uint64(cookie), err
}

// BlockStatus asks for the state of a range in each metadata context granted, and waits for the reply.
func (h *Libnbd) BlockStatus(count, offset uint64, extent ExtentCallback, optargs *BlockStatusOptargs) error {
	if h.h == nil {
		return closedHandle("block_status")
	}
	if optargs == nil {
		optargs = &BlockStatusOptargs{}
	}
	_, flags := options(false, nil, optargs.FlagsSet, optargs.Flags)
	ext := C.uintptr_t(cgo.NewHandle(extent))
	return h.do("block_status", func() C.int {
		return C.block_status(h.h, C.uint64_t(count), C.uint64_t(offset), ext, flags)
	})
}

// AioBlockStatus issues a BlockStatus and returns its cookie.
func (h *Libnbd) AioBlockStatus(count, offset uint64, extent ExtentCallback, optargs *AioBlockStatusOptargs) (uint64, error) {
	if h.h == nil {
		return 0, closedHandle("aio_block_status")
	}
	if optargs == nil {
		optargs = &AioBlockStatusOptargs{}
	}
	done, flags := options(optargs.CompletionCallbackSet, optargs.CompletionCallback, optargs.FlagsSet, optargs.Flags)
	ext := C.uintptr_t(cgo.NewHandle(extent))
	return h.issue("aio_block_status", func() C.int64_t {
		return C.aio_block_status(h.h, C.uint64_t(count), C.uint64_t(offset), ext, done, flags)
	})
}

// AioPread issues a read into buf and returns its cookie. buf must stay in place until the command is retired.
func (h *Libnbd) AioPread(buf AioBuffer, offset uint64, optargs *AioPreadOptargs) (uint64, error) {
	if h.h == nil {
		return 0, closedHandle("aio_pread")
	}
	if optargs == nil {
		optargs = &AioPreadOptargs{}
	}
	done, flags := options(optargs.CompletionCallbackSet, optargs.CompletionCallback, optargs.FlagsSet, optargs.Flags)
	return h.issue("aio_pread", func() C.int64_t {
		return C.aio_pread(h.h, buf.P, C.size_t(buf.Size), C.uint64_t(offset), done, flags)
	})
}

// AioPwrite issues a write of buf and returns its cookie. buf must stay in place until the command is retired.
func (h *Libnbd) AioPwrite(buf AioBuffer, offset uint64, optargs *AioPwriteOptargs) (uint64, error) {
	if h.h == nil {
		return 0, closedHandle("aio_pwrite")
	}
	if optargs == nil {
		optargs = &AioPwriteOptargs{}
	}
	done, flags := options(optargs.CompletionCallbackSet, optargs.CompletionCallback, optargs.FlagsSet, optargs.Flags)
	return h.issue("aio_pwrite", func() C.int64_t {
		return C.aio_pwrite(h.h, buf.P, C.size_t(buf.Size), C.uint64_t(offset), done, flags)
	})
}

// AioZero issues a Zero and returns its cookie.
func (h *Libnbd) AioZero(count, offset uint64, optargs *AioZeroOptargs) (uint64, error) {
	if h.h == nil {
		return 0, closedHandle("aio_zero")
	}
	if optargs == nil {
		optargs = &AioZeroOptargs{}
	}
	done, flags := options(optargs.CompletionCallbackSet, optargs.CompletionCallback, optargs.FlagsSet, optargs.Flags)
	return h.issue("aio_zero", func() C.int64_t {
		return C.aio_zero(h.h, C.uint64_t(count), C.uint64_t(offset), done, flags)
	})
}

// AioTrim issues a Trim and returns its cookie.
func (h *Libnbd) AioTrim(count, offset uint64, optargs *AioTrimOptargs) (uint64, error) {
	if h.h == nil {
		return 0, closedHandle("aio_trim")
	}
	if optargs == nil {
		optargs = &AioTrimOptargs{}
	}
	done, flags := options(optargs.CompletionCallbackSet, optargs.CompletionCallback, optargs.FlagsSet, optargs.Flags)
	return h.issue("aio_trim", func() C.int64_t {
		return C.aio_trim(h.h, C.uint64_t(count), C.uint64_t(offset), done, flags)
	})
}

// AioFlush issues a Flush and returns its cookie.
func (h *Libnbd) AioFlush(optargs *AioFlushOptargs) (uint64, error) {
	if h.h == nil {
		return 0, closedHandle("aio_flush")
	}
	if optargs == nil {
		optargs = &AioFlushOptargs{}
	}
	done, flags := options(optargs.CompletionCallbackSet, optargs.CompletionCallback, optargs.FlagsSet, optargs.Flags)
	return h.issue("aio_flush", func() C.int64_t { return C.aio_flush(h.h, done, flags) })
}

// AioCommandCompleted retires a command that has ended: true, or its error. False is: still in flight.
func (h *Libnbd) AioCommandCompleted(cookie uint64) (bool, error) {
	return h.ask("aio_command_completed", func() C.int { return C.nbd_aio_command_completed(h.h, C.uint64_t(cookie)) })
}

// Poll waits for the server and moves the connection on, for timeout milliseconds at most, -1 for ever. It returns 1
// if there was something to do, 0 if time ran out.
func (h *Libnbd) Poll(timeout int) (uint, error) {
	r, err := h.call("poll", func() C.int64_t { return C.int64_t(C.nbd_poll(h.h, C.int(timeout))) })
	return uint(r), err
}
