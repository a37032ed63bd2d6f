//go:build cgo && !nolibnbd

package libnbd

// #include <stdint.h>
// #include <stddef.h>
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// A callback is kept alive by a cgo.Handle, which travels through C as user data. libnbd frees user data exactly
// once, when it will not call any more, also when the call that took the callback fails.

//export vbfsNbdCompletion
func vbfsNbdCompletion(handle C.uintptr_t, errnum *C.int) C.int {
	cb := cgo.Handle(handle).Value().(CompletionCallback)
	e := int(*errnum)
	r := cb(&e)
	*errnum = C.int(e)
	return C.int(r)
}

//export vbfsNbdExtent
func vbfsNbdExtent(handle C.uintptr_t, context *C.char, offset C.uint64_t, entries *C.uint32_t, n C.size_t, errnum *C.int) C.int {
	cb := cgo.Handle(handle).Value().(ExtentCallback)
	e := int(*errnum)
	list := unsafe.Slice((*uint32)(unsafe.Pointer(entries)), int(n))
	r := cb(C.GoString(context), uint64(offset), list, &e)
	*errnum = C.int(e)
	return C.int(r)
}

//export vbfsNbdFree
func vbfsNbdFree(handle C.uintptr_t) { cgo.Handle(handle).Delete() }
