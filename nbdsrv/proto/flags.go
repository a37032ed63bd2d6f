package proto

// Handshake flags of the server ("Handshake flags"), and those with which the client answers ("Client flags").
const (
	FlagFixedNewstyle uint16 = 1 << 0
	FlagNoZeroes      uint16 = 1 << 1

	ClientFixedNewstyle uint32 = 1 << 0
	ClientNoZeroes      uint32 = 1 << 1
)

// Transmission flags of an export ("Transmission flags").
const (
	FlagHasFlags     uint16 = 1 << 0
	FlagReadOnly     uint16 = 1 << 1
	FlagSendDF       uint16 = 1 << 7
	FlagCanMultiConn uint16 = 1 << 8
	FlagSendCache    uint16 = 1 << 10
)

// Flags of a request ("Command flags").
const (
	CmdFlagDF     uint16 = 1 << 2 // READ: the data in one chunk
	CmdFlagReqOne uint16 = 1 << 3 // BLOCK_STATUS: one extent
)

// FlagDone marks the last chunk of a structured reply ("Structured reply flags").
const FlagDone uint16 = 1 << 0

// Flags of an extent in the context base:allocation ("base:allocation metadata context").
const (
	StateHole uint32 = 1 << 0
	StateZero uint32 = 1 << 1
)
