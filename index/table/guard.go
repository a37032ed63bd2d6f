package table

import (
	"runtime"
	"runtime/debug"
)

// guard makes memory faults and exceeded bounds of a function that reads mapped memory its error:
//
//	defer guard(&err, debug.SetPanicOnFault(true))
//
// Nothing of a caller runs under it, so that it hides nobody's mistakes.
func guard(err *error, before bool) {
	debug.SetPanicOnFault(before)
	switch r := recover().(type) {
	case nil:
	case runtime.Error:
		*err = damaged("%v", r)
	default:
		panic(r)
	}
}
