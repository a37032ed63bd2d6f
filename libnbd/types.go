package libnbd

import "unsafe"

// Size chooses one of a server's three block size constraints.
type Size int

// The block size constraints, as GetBlockSize takes them.
const (
	SIZE_MINIMUM   Size = 0
	SIZE_PREFERRED Size = 1
	SIZE_MAXIMUM   Size = 2
)

// CmdFlag is a flag of a command.
type CmdFlag uint32

// Flags of commands.
const (
	CMD_FLAG_FUA       CmdFlag = 1 << 0
	CMD_FLAG_NO_HOLE   CmdFlag = 1 << 1
	CMD_FLAG_DF        CmdFlag = 1 << 2
	CMD_FLAG_REQ_ONE   CmdFlag = 1 << 3
	CMD_FLAG_FAST_ZERO CmdFlag = 1 << 4
)

// ShutdownFlag is a flag of Shutdown.
type ShutdownFlag uint32

// SHUTDOWN_ABANDON_PENDING fails what is queued instead of sending it.
const SHUTDOWN_ABANDON_PENDING ShutdownFlag = 0x10000

// CONTEXT_BASE_ALLOCATION is the metadata context that tells what is data, hole or zero.
const CONTEXT_BASE_ALLOCATION = "base:allocation"

// Bits of an extent's state in base:allocation.
const (
	STATE_HOLE uint32 = 1
	STATE_ZERO uint32 = 2
)

// CompletionCallback is called once when a command ends; *error is 0 or its errno. Returning 1 retires the command.
type CompletionCallback func(error *int) int

// ExtentCallback is called for each metadata context of a block status reply: entries are pairs of length and state,
// the first at offset. It is valid only during the call. Setting *error and returning -1 fails the command.
type ExtentCallback func(metacontext string, offset uint64, entries []uint32, error *int) int

// AioBuffer is memory that an asynchronous command reads or writes: C's, or pinned memory of Go.
type AioBuffer struct {
	P    unsafe.Pointer
	Size uint
}

// PreadOptargs are the optional arguments of Pread.
type PreadOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// PwriteOptargs are the optional arguments of Pwrite.
type PwriteOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// ZeroOptargs are the optional arguments of Zero.
type ZeroOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// TrimOptargs are the optional arguments of Trim.
type TrimOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// FlushOptargs are the optional arguments of Flush.
type FlushOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// BlockStatusOptargs are the optional arguments of BlockStatus.
type BlockStatusOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// ShutdownOptargs are the optional arguments of Shutdown.
type ShutdownOptargs struct {
	FlagsSet bool
	Flags    ShutdownFlag
}

// AioDisconnectOptargs are the optional arguments of AioDisconnect.
type AioDisconnectOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// AioPreadOptargs are the optional arguments of AioPread.
type AioPreadOptargs struct {
	CompletionCallbackSet bool
	CompletionCallback    CompletionCallback
	FlagsSet              bool
	Flags                 CmdFlag
}

// AioPwriteOptargs are the optional arguments of AioPwrite.
type AioPwriteOptargs struct {
	CompletionCallbackSet bool
	CompletionCallback    CompletionCallback
	FlagsSet              bool
	Flags                 CmdFlag
}

// AioZeroOptargs are the optional arguments of AioZero.
type AioZeroOptargs struct {
	CompletionCallbackSet bool
	CompletionCallback    CompletionCallback
	FlagsSet              bool
	Flags                 CmdFlag
}

// AioTrimOptargs are the optional arguments of AioTrim.
type AioTrimOptargs struct {
	CompletionCallbackSet bool
	CompletionCallback    CompletionCallback
	FlagsSet              bool
	Flags                 CmdFlag
}

// AioFlushOptargs are the optional arguments of AioFlush.
type AioFlushOptargs struct {
	CompletionCallbackSet bool
	CompletionCallback    CompletionCallback
	FlagsSet              bool
	Flags                 CmdFlag
}

// AioBlockStatusOptargs are the optional arguments of AioBlockStatus.
type AioBlockStatusOptargs struct {
	CompletionCallbackSet bool
	CompletionCallback    CompletionCallback
	FlagsSet              bool
	Flags                 CmdFlag
}
