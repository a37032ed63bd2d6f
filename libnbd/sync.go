//go:build cgo && !nolibnbd

package libnbd

/*
#include <libnbd.h>
*/
import "C"

import "unsafe"

// Pread fills buf from offset.
func (h *Libnbd) Pread(buf []byte, offset uint64, optargs *PreadOptargs) error {
	var flags C.uint32_t
	if optargs != nil && optargs.FlagsSet {
		flags = C.uint32_t(optargs.Flags)
	}
	return h.do("pread", func() C.int {
		return C.nbd_pread(h.h, unsafe.Pointer(unsafe.SliceData(buf)), C.size_t(len(buf)), C.uint64_t(offset), flags)
	})
}

// Pwrite writes buf at offset.
func (h *Libnbd) Pwrite(buf []byte, offset uint64, optargs *PwriteOptargs) error {
	var flags C.uint32_t
	if optargs != nil && optargs.FlagsSet {
		flags = C.uint32_t(optargs.Flags)
	}
	return h.do("pwrite", func() C.int {
		return C.nbd_pwrite(h.h, unsafe.Pointer(unsafe.SliceData(buf)), C.size_t(len(buf)), C.uint64_t(offset), flags)
	})
}

// Zero makes a range read as zero bytes.
func (h *Libnbd) Zero(count, offset uint64, optargs *ZeroOptargs) error {
	var flags C.uint32_t
	if optargs != nil && optargs.FlagsSet {
		flags = C.uint32_t(optargs.Flags)
	}
	return h.do("zero", func() C.int { return C.nbd_zero(h.h, C.uint64_t(count), C.uint64_t(offset), flags) })
}

// Trim says that a range is not needed any more; what it reads as afterwards is not defined.
func (h *Libnbd) Trim(count, offset uint64, optargs *TrimOptargs) error {
	var flags C.uint32_t
	if optargs != nil && optargs.FlagsSet {
		flags = C.uint32_t(optargs.Flags)
	}
	return h.do("trim", func() C.int { return C.nbd_trim(h.h, C.uint64_t(count), C.uint64_t(offset), flags) })
}

// Flush returns when all writes that had been completed are durable.
func (h *Libnbd) Flush(optargs *FlushOptargs) error {
	var flags C.uint32_t
	if optargs != nil && optargs.FlagsSet {
		flags = C.uint32_t(optargs.Flags)
	}
	return h.do("flush", func() C.int { return C.nbd_flush(h.h, flags) })
}
